SELECT pg_catalog.set_config('search_path', '', false);
CREATE TABLE madlib.functions (
    id integer NOT NULL,
    name text NOT NULL,
    description text,
    object bytea
);
CREATE SEQUENCE madlib.functions_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE madlib.functions_id_seq OWNED BY madlib.functions.id;
CREATE TABLE t_kept.hyperband_done (
    mst_key integer NOT NULL,
    model_weights bytea,
    model_arch json
);
ALTER TABLE ONLY t_kept.hyperband_done ALTER COLUMN model_weights SET STORAGE EXTERNAL;
CREATE TABLE t_kept.hyperband_done_best (
    mst_key integer NOT NULL,
    model_id integer,
    compile_params text,
    fit_params text
);
CREATE TABLE t_kept.hyperband_done_best_summary (
    model_arch_table character varying,
    object_table character varying
);
CREATE TABLE t_kept.hyperband_done_info (
    mst_key integer NOT NULL,
    model_id integer,
    compile_params text,
    fit_params text,
    model_type text,
    model_size double precision,
    metrics_elapsed_time double precision[],
    metrics_type text[],
    loss_type text,
    training_metrics_final double precision,
    training_loss_final double precision,
    training_metrics double precision[],
    training_loss double precision[],
    validation_metrics_final double precision,
    validation_loss_final double precision,
    validation_metrics double precision[],
    validation_loss double precision[],
    metrics_iters integer[],
    s integer,
    i integer
);
CREATE TABLE t_kept.hyperband_done_summary (
    source_table text,
    validation_table text,
    model text,
    model_info text,
    dependent_varname text,
    independent_varname text,
    model_arch_table text,
    model_selection_table text,
    automl_method text,
    automl_params text,
    random_state text,
    object_table text,
    use_gpus boolean,
    metrics_compute_frequency integer,
    name text,
    description text,
    start_training_time timestamp without time zone,
    end_training_time timestamp without time zone,
    madlib_version text,
    num_classes integer,
    class_values character varying[],
    class_text_class_values character varying[],
    dependent_vartype text,
    normalizing_const real
);
CREATE TABLE t_kept.hyperopt_done (
    mst_key integer NOT NULL,
    model_weights bytea,
    model_arch json
);
ALTER TABLE ONLY t_kept.hyperopt_done ALTER COLUMN model_weights SET STORAGE EXTERNAL;
CREATE TABLE t_kept.hyperopt_done_best (
    mst_key integer NOT NULL,
    model_id integer,
    compile_params text,
    fit_params text
);
CREATE TABLE t_kept.hyperopt_done_best_summary (
    model_arch_table character varying,
    object_table character varying
);
CREATE TABLE t_kept.hyperopt_done_info (
    mst_key integer NOT NULL,
    model_id integer,
    compile_params text,
    fit_params text,
    model_type text,
    model_size double precision,
    metrics_elapsed_time double precision[],
    metrics_type text[],
    loss_type text,
    training_metrics_final double precision,
    training_loss_final double precision,
    training_metrics double precision[],
    training_loss double precision[],
    validation_metrics_final double precision,
    validation_loss_final double precision,
    validation_metrics double precision[],
    validation_loss double precision[],
    metrics_iters integer[]
);
CREATE TABLE t_kept.hyperopt_done_summary (
    source_table text,
    validation_table text,
    model text,
    model_info text,
    dependent_varname text,
    independent_varname text,
    model_arch_table text,
    model_selection_table text,
    automl_method text,
    automl_params text,
    random_state text,
    object_table text,
    use_gpus boolean,
    metrics_compute_frequency integer,
    name text,
    description text,
    start_training_time timestamp without time zone,
    end_training_time timestamp without time zone,
    madlib_version text,
    num_classes integer,
    class_values character varying[],
    class_text_class_values character varying[],
    dependent_vartype text,
    normalizing_const real
);
CREATE TABLE t_kept.lib (
    model_id integer NOT NULL,
    model_arch json,
    model_weights bytea,
    name text,
    description text,
    __internal_madlib_id__ text
);
ALTER TABLE ONLY t_kept.lib ALTER COLUMN model_weights SET STORAGE EXTERNAL;
CREATE TABLE t_kept.train (
    attributes bytea,
    class_text bytea,
    attributes_shape integer[],
    class_text_shape integer[],
    buffer_id integer
);
ALTER TABLE ONLY t_kept.train ALTER COLUMN attributes SET STORAGE EXTERNAL;
ALTER TABLE ONLY t_kept.train ALTER COLUMN class_text SET STORAGE EXTERNAL;
CREATE TABLE t_kept.train_summary (
    source_table text,
    output_table text,
    dependent_varname text,
    independent_varname text,
    dependent_vartype text,
    class_text_class_values character varying[],
    class_values character varying[],
    buffer_size integer,
    normalizing_const real,
    num_classes integer,
    distribution_rules text,
    __internal_gpu_config__ text,
    partitions integer,
    dependent_dtype text
);
CREATE TABLE t_kept.val (
    attributes bytea,
    class_text bytea,
    attributes_shape integer[],
    class_text_shape integer[],
    buffer_id integer
);
ALTER TABLE ONLY t_kept.val ALTER COLUMN attributes SET STORAGE EXTERNAL;
ALTER TABLE ONLY t_kept.val ALTER COLUMN class_text SET STORAGE EXTERNAL;
CREATE TABLE t_kept.val_summary (
    source_table text,
    output_table text,
    dependent_varname text,
    independent_varname text,
    dependent_vartype text,
    class_text_class_values character varying[],
    class_values character varying[],
    buffer_size integer,
    normalizing_const real,
    num_classes integer,
    distribution_rules text,
    __internal_gpu_config__ text,
    partitions integer,
    dependent_dtype text
);
ALTER TABLE ONLY madlib.functions ALTER COLUMN id SET DEFAULT nextval('madlib.functions_id_seq'::regclass);
INSERT INTO madlib.functions VALUES (1, 'top_2_accuracy', 'returns top_2_accuracy', '\x80049554000000000000008c0966756e63746f6f6c73948c077061727469616c9493948c106b657261735f7365672e637573746f6d948c0e746f705f6b5f616363757261637994939485945294286805297d948c016b944b02734e7494622e');
INSERT INTO t_kept.hyperband_done VALUES (1, '\x4eab14be00e8b339905f3e3ee2fd98bed2a460befb6d3abe25814a3d118ce3be67b486bd7440323e7da5b73da19ebe3ea74f0f3f6507e9be78120b3f60ebfbbd3db4ce3ee96722bf9599e2be46e220bf5ab4c23ee08ebb3ceb17513f418f2f3ff38980be000000008f9426be0000000089b56cbe294646bd3a9607be975834bfd518273fb51bf8be586d50be4e9902bf18837cbeb7b0a0bd5a6fe8be32af4a3f643846be78e4c4bd301efabecd15a73e98edf73ea5478d3d83f63d3c8d2d053ffde9ce3ebee9fdbd011f6dbe', '{"class_name": "Sequential", "keras_version": "2.1.6", "backend": "tensorflow", "config": [{"class_name": "Dense", "config": {"name": "layer_0", "units": 6, "activation": "relu", "batch_input_shape": [null, 4]}}, {"class_name": "Dropout", "config": {"name": "layer_1", "rate": 0.2}}, {"class_name": "Dense", "config": {"name": "layer_2", "units": 3, "activation": "softmax"}}]}');
INSERT INTO t_kept.hyperband_done VALUES (2, '\x0ca7b63ecdd0f53d9dc1c5be3fb98a3d99141bbf649e423e326a553f3ebb42bfa6d9ccbf9bd6ecbdf69bb1bf021c9cbed784a5bf784585bfcb8ad13fcc4656bfbea7453f142e0dbf6e239ebf016546bf6ad4f33fc70ab3bfecd8c83fba7ebabef4f8813d7e1edcbe1e7596bf250187bd8e6dbdbf00000000be08c13fd1e229bf93c428bfe43afd3eb66990bf8c85363eb81630c06a06533e682e783fbafb993fe277383e322375bf78543fc05be5a7be43715c3facfd263f6851dd3da898423e88a589bf2b597d3f5e1202bf', '{"class_name": "Sequential", "keras_version": "2.1.6", "backend": "tensorflow", "config": [{"class_name": "Dense", "config": {"name": "layer_0", "units": 6, "activation": "relu", "batch_input_shape": [null, 4]}}, {"class_name": "Dropout", "config": {"name": "layer_1", "rate": 0.2}}, {"class_name": "Dense", "config": {"name": "layer_2", "units": 3, "activation": "softmax"}}]}');
INSERT INTO t_kept.hyperband_done VALUES (3, '\x49615d3e070138bf11a4a23d31163e3e9072abbed61e42bebbff47be5b3cc6bebc4c2c3f9bc043bfb81005bf4d45d43ea150183f3c9d94be5d57b7be80ef13bd204958bd2972d83d955993be82ff3e3f48b031bfe50b823e2061adbcddcd403e0c3ae1be00000000eba4cc3d1d646abd000000005cf892bd66ef9dbdd158233ff4c2233f50d08dbde69deabec03a0bbd2a2a853f5dc9e0be3579bcbe95aaf7beb308e1be827cd2be70e119bf3069443e74b024bf7860833e05f750beaf5c9b3df308ef3cadcc933ccbc797bd', '{"class_name": "Sequential", "keras_version": "2.1.6", "backend": "tensorflow", "config": [{"class_name": "Dense", "config": {"name": "layer_0", "units": 6, "activation": "relu", "batch_input_shape": [null, 4]}}, {"class_name": "Dropout", "config": {"name": "layer_1", "rate": 0.2}}, {"class_name": "Dense", "config": {"name": "layer_2", "units": 3, "activation": "softmax"}}]}');
INSERT INTO t_kept.hyperband_done VALUES (4, '\x008246bed4ea0ebf44dba8be903212bfa57ddd3e3ac23dbfa0f4f0bc9c4f853e48abc53ee8225bbef04b28bf4ed8383fc07f903d9c0c273eb07e2bbf82ba053f8f9142bfa147e1bee0dc243ea007e23e10850fbed8db173ed177a1bef0de94bd0000000000000000000000000000000033e4c6bd00000000fe6c23bfaa20063f440dc23e0422b5be4c401d3fe4120ebf207150bdd8e3f1be20b17fbd969e1d3f200252be541d18bfd194433d2f41d6be8200ac3edc9965be8877f5bd00b0483d237e3dbe8f2f653d122ca33d', '{"class_name": "Sequential", "keras_version": "2.1.6", "backend": "tensorflow", "config": [{"class_name": "Dense", "config": {"name": "layer_0", "units": 6, "activation": "relu", "batch_input_shape": [null, 4]}}, {"class_name": "Dropout", "config": {"name": "layer_1", "rate": 0.2}}, {"class_name": "Dense", "config": {"name": "layer_2", "units": 3, "activation": "softmax"}}]}');
INSERT INTO t_kept.hyperband_done VALUES (5, '\x77e810bfd5e33bbb4080f33e6a50adbe7703c8be5af93cbf8a2d37bfcb7e0b3fe288debed47d46bee6ddec3e923d1e3f9480d43ebd7e7f3e527069bec80000bff7c4d13e335a06bf806a33bd162aa6be1194c0beb073f83ecf5a99befe67443f000000005d29f9bdec8a5f3d00000000f9aae3bd0000000074f6e43e51981fbf5200443f7badbfbe9e812abe04c296be2f694b3f4d4bd7bef323b83d083ae33e2495ae3ec8e8db3e0fe940bfce75793e4758273d4a73d7bec8529ebd480c503fa704d03dbbb5e3bdb36a3b3d', '{"class_name": "Sequential", "keras_version": "2.1.6", "backend": "tensorflow", "config": [{"class_name": "Dense", "config": {"name": "layer_0", "units": 6, "activation": "relu", "batch_input_shape": [null, 4]}}, {"class_name": "Dropout", "config": {"name": "layer_1", "rate": 0.2}}, {"class_name": "Dense", "config": {"name": "layer_2", "units": 3, "activation": "softmax"}}]}');
INSERT INTO t_kept.hyperband_done VALUES (6, '\xe12de3beeb69b33e84ae14bf825be53d4f1113bfe86b183f066c103fd897943fc9af68bfd49c51beac31fc3ea7955e3f2851c8bdf04988bf7e647f3fd6d7bdbc114c93beccc53bbf736b2a3e0adff6bfc41ff13fb72cb3be74b1e63e2940d0bf99a428beb2c0983e71f186bf0933e4be244decbd67cb653fd19a8b3ecad5173fbb5ffebe2b98f13f96a298be8af401bfa2ed81c0ed8500bf631cfc3f8def5fbd87378fbe5912b73ee3bb12bfdce982be34c9323ddde2aa3f5e9c723e6119f3bfd30f00c00b30a13f2990703d', '{"class_name": "Sequential", "keras_version": "2.1.6", "backend": "tensorflow", "config": [{"class_name": "Dense", "config": {"name": "layer_0", "units": 6, "activation": "relu", "batch_input_shape": [null, 4]}}, {"class_name": "Dropout", "config": {"name": "layer_1", "rate": 0.2}}, {"class_name": "Dense", "config": {"name": "layer_2", "units": 3, "activation": "softmax"}}]}');
INSERT INTO t_kept.hyperband_done VALUES (7, '\xfdb14f3ccfde0c3e2438e03e91d1f23e1285073f252001bf2db1c23e2de8e43e2ce44c3e1933d2bc1fbf3bbf2a271b3f992fb93ea48bd8bc722f943d6511f3be412914bfdd30b0bec1ad07bfded9663fdb60083c589733bfd0bf51bd207cdfbe8b1d823dcb5a26bec4cf42beea63143e00000000000000005a130d3c50ad293f717405be46a5e2bd4e77f23e3d7c153f6b336a3ec17218bfdf4b13be2bf8653f5ab8d4be2f607e3e525d00bf6cd91abf58b84fbf507ce43e74f6eb3e4ae9433fee411dbd7061033e9a749bbd', '{"class_name": "Sequential", "keras_version": "2.1.6", "backend": "tensorflow", "config": [{"class_name": "Dense", "config": {"name": "layer_0", "units": 6, "activation": "relu", "batch_input_shape": [null, 4]}}, {"class_name": "Dropout", "config": {"name": "layer_1", "rate": 0.2}}, {"class_name": "Dense", "config": {"name": "layer_2", "units": 3, "activation": "softmax"}}]}');
INSERT INTO t_kept.hyperband_done VALUES (8, '\x044f503f55181cbf30a199bdc41f9c3e8eb3ca3e9b1516bf10fa313f612a003fc06642bfc1ab41bff3e82fbfd802dc3ec27e8ebf38d9e93cf4bad1be11ebfdbea56dc3be88a4ebbdaa55bcbff555a53eb95300bf9f77d9be4d2c82be3443a23e51d30e3f79586ebe00000000000000005af102be000000006c81d83f6b4d9b3e828c08c0e0c38c3ea02625bf5d80223c6868e43eccde19bf78b64a3e1836ee3d695e11bf47ac45bf74fbb7be593321bf4aaf8fbef8ac2cbe148055befc57013f9f0ecdbf4bd90e3fb429253f', '{"class_name": "Sequential", "keras_version": "2.1.6", "backend": "tensorflow", "config": [{"class_name": "Dense", "config": {"name": "layer_0", "units": 6, "activation": "relu", "batch_input_shape": [null, 4]}}, {"class_name": "Dropout", "config": {"name": "layer_1", "rate": 0.2}}, {"class_name": "Dense", "config": {"name": "layer_2", "units": 3, "activation": "softmax"}}]}');
INSERT INTO t_kept.hyperband_done VALUES (9, '\xa2d3a1be2d6ba13e5ad408bf5ab0713ca7998ebe80be0abfe0371e3dc94c133fe2fcc4bef2e22f3f9a760ebf405aea3d604a6bbdaf75cbbe10e4d6bd073902be20b4cc3ede8b85be7179c3be4333863e608ed73daa4167beecd6883ed0ca9a3d00000000a29837bd00000000f1ea38bc000000000000000046f014bf481ee6be2019613e93e7c9beb3b2b0bdf6e12cbf83ee2bbfa4632cbeb988eabe5f3daa3dd4382ebfa04c9a3c52699ebe88a3ad3e1c34c43ebafe34bf64d0bebe5866b73eb5893dbd5b49adbb9d822f3d', '{"class_name": "Sequential", "keras_version": "2.1.6", "backend": "tensorflow", "config": [{"class_name": "Dense", "config": {"name": "layer_0", "units": 6, "activation": "relu", "batch_input_shape": [null, 4]}}, {"class_name": "Dropout", "config": {"name": "layer_1", "rate": 0.2}}, {"class_name": "Dense", "config": {"name": "layer_2", "units": 3, "activation": "softmax"}}]}');
INSERT INTO t_kept.hyperband_done VALUES (10, '\xef4d2abfb2ae35be20f3263fe5f0fcbe9698d5be0173243e106f163f07a33b3ca9d6943fac05a93ea650d13e561383bfe4647f3e32178c3e68cb8fbf4c258a3ea6c6babda3720c3fdd42d53ddd99c7be5b81b7bfb7e20abf669f073eb9c2d53f34765abd643ecdbd692c333f00000000bfd30bbe762044bfa5832bbf42da17be604b33bf9b1c163ea5471abf3a4a41bf62857e3f8377143fda4cf4bf70d419bf90b2cb3df892dd3ea269433da0f13f3f0d932d3ff7d70ac03f29723e7b62413f22f3bbbe61ee9a3e4b27c8bd', '{"class_name": "Sequential", "keras_version": "2.1.6", "backend": "tensorflow", "config": [{"class_name": "Dense", "config": {"name": "layer_0", "units": 6, "activation": "relu", "batch_input_shape": [null, 4]}}, {"class_name": "Dropout", "config": {"name": "layer_1", "rate": 0.2}}, {"class_name": "Dense", "config": {"name": "layer_2", "units": 3, "activation": "softmax"}}]}');
INSERT INTO t_kept.hyperband_done VALUES (11, '\xb0b7cc3d803063bcf08a7cbed47e093ef49e1dbe408027bff171f83e10fc2bbdfc865ebe621d06bfc5c31ebea235273f7c3c0dbf7a3ad9be7fd3c5bec45607bf061cbb3e15a3c93ebca7fb3d08b01fbfd4cee43ef01ef43d661b1dbf7ab1633fffff133e0000000000000000000000002d83ddbd0928b6bddab6433f2ccea5bfe51455bff0f728bf5151aebe9856383edbc62dbf50f20cbef80635bf8ff2cfbef09295bd5e6329bf3bc5eb3ef173503e478922bd0abda1bf9376e8be9614143f9028d0bd1293cf3ec69d9abe', '{"class_name": "Sequential", "keras_version": "2.1.6", "backend": "tensorflow", "config": [{"class_name": "Dense", "config": {"name": "layer_0", "units": 6, "activation": "relu", "batch_input_shape": [null, 4]}}, {"class_name": "Dropout", "config": {"name": "layer_1", "rate": 0.2}}, {"class_name": "Dense", "config": {"name": "layer_2", "units": 3, "activation": "softmax"}}]}');
INSERT INTO t_kept.hyperband_done VALUES (12, '\x0d650f3e4e3714bfee6faa3d3c8d44bd946fa03e08f9213e9f2efbbe6a1817bfe6f017bf231455bf3ffe26be78448dbe1c6a103f940d133f144a323fcb73253fff2715be004367bed1309e3e1ecb1c3f5880323fa7c2813eefc01dbc605503be34fee0bca86a06bdb1548dbe7aad9fbecee3bb3d000000007680b2bf81e0e9bea864e9be35f1e9be9ed3d83dce1612bfcc09a1be6632d93e21380a3f8c042dbd581726bf70dfef3e876e1d3f1c10033f7e8ea6bd280ef03e6002ccbd141f36be41d9183fd3a031be28b7f4be', '{"class_name": "Sequential", "keras_version": "2.1.6", "backend": "tensorflow", "config": [{"class_name": "Dense", "config": {"name": "layer_0", "units": 6, "activation": "relu", "batch_input_shape": [null, 4]}}, {"class_name": "Dropout", "config": {"name": "layer_1", "rate": 0.2}}, {"class_name": "Dense", "config": {"name": "layer_2", "units": 3, "activation": "softmax"}}]}');
INSERT INTO t_kept.hyperband_done VALUES (13, '\x00efd33ee66f343e3b6623bf8953373e91e5debc00f86b3e02b7233f3cc1c13e14734f3e4df802bf50995bbfa03ec2beb2ab7ebfccf9123d18cc113eb57fee3ef909f63ec94e263d836282be9f6597bf8cf52dbf36a2963f8959303f29af7c3f58a1b43daa58b33d00000000db39ecbeae0fcdbe677e94be9089663f5d7ff8befcf04abf6700f03ee598763e42cf5dbf193c26bf880fd03d18e6ab3dc70e87bfd5e8223d30670f3ef9af7b3ceb8f49bfd4139c3fc21453bf7dead23e6205f73e4a809e3edd48bd3d8973a9be', '{"class_name": "Sequential", "keras_version": "2.1.6", "backend": "tensorflow", "config": [{"class_name": "Dense", "config": {"name": "layer_0", "units": 6, "activation": "relu", "batch_input_shape": [null, 4]}}, {"class_name": "Dropout", "config": {"name": "layer_1", "rate": 0.2}}, {"class_name": "Dense", "config": {"name": "layer_2", "units": 3, "activation": "softmax"}}]}');
INSERT INTO t_kept.hyperband_done VALUES (14, '\x6e3f4bbf3ef4dd3e5150edbe3b6e1abe4f7ae63c2c0900bf3c9dbdba3211c63ff638a93e5934e53d2fd109bf2fc2d4bf762b323fbafe98bf0332f43b5c6b5f3db0f86fbec82e973facf1f43e0aa32bc0fcee7d3eeaae823edd82b9be9aef4340953aeebeb399bd3e641c2ebe9c9fd7be53c65cbe867dddbf6333adbfac87583dd31a0d3f589c853f02d3e9be217caebe05b5733e8b52713cd4a2c3be45ccb53e22f8a33ec611383f4428703e5687e53efad67dbcda5830c02c1d0fbf05414c3fdb8c62bf3d41733f255804bf', '{"class_name": "Sequential", "keras_version": "2.1.6", "backend": "tensorflow", "config": [{"class_name": "Dense", "config": {"name": "layer_0", "units": 6, "activation": "relu", "batch_input_shape": [null, 4]}}, {"class_name": "Dropout", "config": {"name": "layer_1", "rate": 0.2}}, {"class_name": "Dense", "config": {"name": "layer_2", "units": 3, "activation": "softmax"}}]}');
INSERT INTO t_kept.hyperband_done VALUES (15, '\x192e8abef02fd53c96d044bfa34b37be3c180bbf34e6263e9429123fa2870bbf0862d8bdc24973be48bd573ee86324bf73083fbfaf5a353f8c92923e1419a93e471620bf5e625e3f78b828befbf7b13fe03c43bd0e20fcbec445973e8a31363fdc5531beb30059bf00000000edca66be00000000296934bfedc1f7beb0c4e83db78c273d19fba6bf4298d3bdb10b4a3e9cc94d3f30d337bd088d953d33e7763cb4fd8a3d07bb34be70ad233efce115bff818cb3d905b8fbfabe6023ca7ea1a3eea62dd3f040af9bd968facbf', '{"class_name": "Sequential", "keras_version": "2.1.6", "backend": "tensorflow", "config": [{"class_name": "Dense", "config": {"name": "layer_0", "units": 6, "activation": "relu", "batch_input_shape": [null, 4]}}, {"class_name": "Dropout", "config": {"name": "layer_1", "rate": 0.2}}, {"class_name": "Dense", "config": {"name": "layer_2", "units": 3, "activation": "softmax"}}]}');
INSERT INTO t_kept.hyperband_done_best VALUES (6, 1, 'optimizer=''Adam(lr=0.021899215991946074)'',loss=''categorical_crossentropy'',metrics=[''top_2_accuracy'']', 'batch_size=2,epochs=2');
INSERT INTO t_kept.hyperband_done_best_summary VALUES ('lib', 'madlib.functions');
INSERT INTO t_kept.hyperband_done_info VALUES (1, 1, 'optimizer=''Adam(lr=0.007322225876304656)'',loss=''categorical_crossentropy'',metrics=[''top_2_accuracy'']', 'batch_size=2,epochs=2', 'madlib_keras', 0.19921875, '{17.817457088000083}', '{top_2_accuracy}', 'categorical_crossentropy', 1, 0.7898643016815186, '{1}', '{0.7898643016815186}', 1, 0.781250387430191, '{1}', '{0.781250387430191}', '{1}', 2, 0);
INSERT INTO t_kept.hyperband_done_info VALUES (2, 1, 'optimizer=''Adam(lr=0.07158843891085365)'',loss=''categorical_crossentropy'',metrics=[''top_2_accuracy'']', 'batch_size=2,epochs=2', 'madlib_keras', 0.19921875, '{20.540738229999988,25.252821229000347,29.361394457000188,33.978206709999995}', '{top_2_accuracy}', 'categorical_crossentropy', 1, 0.28209419548511505, '{1,1,1,1}', '{0.3184140622615814,0.40628835558891296,0.17039374262094498,0.28209419548511505}', 1, 0.2515079379081726, '{1,1,1,1}', '{0.2725141867995262,0.37578749656677246,0.13659265264868736,0.2515079379081726}', '{1,2,3,4}', 2, 1);
INSERT INTO t_kept.hyperband_done_info VALUES (3, 1, 'optimizer=''Adam(lr=0.012934010635646646)'',loss=''categorical_crossentropy'',metrics=[''top_2_accuracy'']', 'batch_size=2,epochs=2', 'madlib_keras', 0.19921875, '{18.645453922000343}', '{top_2_accuracy}', 'categorical_crossentropy', 1, 0.5787407457828522, '{1}', '{0.5787407457828522}', 1, 0.505023717880249, '{1}', '{0.505023717880249}', '{1}', 2, 0);
INSERT INTO t_kept.hyperband_done_info VALUES (4, 1, 'optimizer=''Adam(lr=0.01898412097917455)'',loss=''categorical_crossentropy'',metrics=[''top_2_accuracy'']', 'batch_size=2,epochs=2', 'madlib_keras', 0.19921875, '{20.136837864000427}', '{top_2_accuracy}', 'categorical_crossentropy', 0.6916666626930237, 1.0991359949111938, '{0.6916666626930237}', '{1.0991359949111938}', 0.5666666626930237, 1.1312382221221924, '{0.5666666626930237}', '{1.1312382221221924}', '{1}', 2, 0);
INSERT INTO t_kept.hyperband_done_info VALUES (5, 1, 'optimizer=''Adam(lr=0.002141123626281805)'',loss=''categorical_crossentropy'',metrics=[''top_2_accuracy'']', 'batch_size=2,epochs=2', 'madlib_keras', 0.19921875, '{20.932081961000222}', '{top_2_accuracy}', 'categorical_crossentropy', 0.8333333134651184, 1.0196044445037842, '{0.8333333134651184}', '{1.0196044445037842}', 0.7666666507720947, 0.9967926442623138, '{0.7666666507720947}', '{0.9967926442623138}', '{1}', 2, 0);
INSERT INTO t_kept.hyperband_done_info VALUES (6, 1, 'optimizer=''Adam(lr=0.021899215991946074)'',loss=''categorical_crossentropy'',metrics=[''top_2_accuracy'']', 'batch_size=2,epochs=2', 'madlib_keras', 0.19921875, '{16.921456899000077,23.140687307999997,28.376010532000237,33.69957953800031,34.41221375100031,34.765760458000386,35.21908821700026,35.79277413400041,36.34750338500044,38.48785253200003,39.95235229300033,42.03979579600036,46.31923270600009}', '{top_2_accuracy}', 'categorical_crossentropy', 1, 0.1618759036064148, '{1,1,1,1,1,1,1,1,1,1,1,1,1}', '{0.5453904569149017,0.3628981411457062,0.25092078745365143,0.2679147571325302,0.17679103463888168,0.19491082429885864,0.1497965306043625,0.19413922727108002,0.2439950630068779,0.13357185572385788,0.17190098762512207,0.12295965105295181,0.1618759036064148}', 1, 0.11642737314105034, '{1,1,1,1,1,1,1,1,1,1,1,1,1}', '{0.4779244214296341,0.27520664036273956,0.20519640296697617,0.21407650411128998,0.13896029070019722,0.16723139211535454,0.11726344004273415,0.15005570650100708,0.17720843851566315,0.10489853471517563,0.12817928194999695,0.1129530780017376,0.11642737314105034}', '{1,2,3,4,5,6,7,8,9,10,11,12,13}', 2, 2);
INSERT INTO t_kept.hyperband_done_info VALUES (7, 1, 'optimizer=''Adam(lr=0.005309272353089011)'',loss=''categorical_crossentropy'',metrics=[''top_2_accuracy'']', 'batch_size=2,epochs=2', 'madlib_keras', 0.19921875, '{16.472432800000206}', '{top_2_accuracy}', 'categorical_crossentropy', 0.9833333492279053, 0.7849583029747009, '{0.9833333492279053}', '{0.7849583029747009}', 1, 0.7343291640281677, '{1}', '{0.7343291640281677}', '{1}', 2, 0);
INSERT INTO t_kept.hyperband_done_info VALUES (8, 1, 'optimizer=''Adam(lr=0.019315038304050527)'',loss=''categorical_crossentropy'',metrics=[''top_2_accuracy'']', 'batch_size=2,epochs=2', 'madlib_keras', 0.19921875, '{19.253368031000264,23.784541079000064,26.214015916000335,32.871095530000275}', '{top_2_accuracy}', 'categorical_crossentropy', 1, 0.42746657133102417, '{1,1,1,1}', '{0.5964138805866241,0.5945426821708679,0.4298308938741684,0.42746657133102417}', 1, 0.34849798679351807, '{1,1,1,1}', '{0.5039924085140228,0.5380710363388062,0.40129533410072327,0.34849798679351807}', '{1,2,3,4}', 2, 1);
INSERT INTO t_kept.hyperband_done_info VALUES (9, 1, 'optimizer=''Adam(lr=0.0010140568262558037)'',loss=''categorical_crossentropy'',metrics=[''top_2_accuracy'']', 'batch_size=2,epochs=2', 'madlib_keras', 0.19921875, '{22.59232851300021}', '{top_2_accuracy}', 'categorical_crossentropy', 0.6499999761581421, 1.0792096853256226, '{0.6499999761581421}', '{1.0792096853256226}', 0.7333333492279053, 0.999454528093338, '{0.7333333492279053}', '{0.999454528093338}', '{1}', 2, 0);
INSERT INTO t_kept.hyperband_done_info VALUES (10, 1, 'optimizer=''Adam(lr=0.010203962607632299)'',loss=''categorical_crossentropy'',metrics=[''top_2_accuracy'']', 'batch_size=2,epochs=2', 'madlib_keras', 0.19921875, '{16.02539748900017,25.057375632000003,30.01349251700003,30.485515993000263,31.043602249000287,31.367954613000165,33.432536497,36.9169008810004,39.18058106000035,40.329269232000115,41.71261612100034,44.74942447800004}', '{top_2_accuracy}', 'categorical_crossentropy', 1, 0.20474911481142044, '{1,1,1,1,1,1,1,1,1,1,1,1}', '{0.6170412600040436,0.5101362019777298,0.41935884952545166,0.3837473541498184,0.3293266147375107,0.34854720532894135,0.24641704559326172,0.22479259222745895,0.28098832070827484,0.2189108356833458,0.20845335721969604,0.20474911481142044}', 1, 0.19277764111757278, '{1,1,1,1,1,1,1,1,1,1,1,1}', '{0.6077868640422821,0.4624851942062378,0.3667110651731491,0.3356216549873352,0.2903764992952347,0.3433035910129547,0.22268717736005783,0.17457475140690804,0.2404526025056839,0.15395699068903923,0.18598472326993942,0.19277764111757278}', '{2,3,4,5,6,7,8,9,10,11,12,13}', 1, 1);
INSERT INTO t_kept.hyperband_done_info VALUES (11, 1, 'optimizer=''Adam(lr=0.005305888477772842)'',loss=''categorical_crossentropy'',metrics=[''top_2_accuracy'']', 'batch_size=2,epochs=2', 'madlib_keras', 0.19921875, '{13.89726173300005,21.640632798000297,29.020403764000093}', '{top_2_accuracy}', 'categorical_crossentropy', 1, 0.5001232922077179, '{0.8500000238418579,0.9916666746139526,1}', '{0.9437656700611115,0.6589288413524628,0.5001232922077179}', 1, 0.44250328838825226, '{0.8999999761581421,1,1}', '{0.9498018622398376,0.60476353764534,0.44250328838825226}', '{2,3,4}', 1, 0);
INSERT INTO t_kept.hyperband_done_info VALUES (12, 1, 'optimizer=''Adam(lr=0.006358209997253186)'',loss=''categorical_crossentropy'',metrics=[''top_2_accuracy'']', 'batch_size=2,epochs=2', 'madlib_keras', 0.19921875, '{14.684377289000167,24.50139688900026,29.707437914000366}', '{top_2_accuracy}', 'categorical_crossentropy', 1, 0.4986933618783951, '{1,1,1}', '{0.7427968680858612,0.6051259338855743,0.4986933618783951}', 1, 0.4940301328897476, '{1,1,1}', '{0.7716919183731079,0.6253425776958466,0.4940301328897476}', '{2,3,4}', 1, 0);
INSERT INTO t_kept.hyperband_done_info VALUES (13, 1, 'optimizer=''Adam(lr=0.005307437703015041)'',loss=''categorical_crossentropy'',metrics=[''top_2_accuracy'']', 'batch_size=2,epochs=2', 'madlib_keras', 0.19921875, '{5.831791620000331,15.139615210000102,21.288706991000254,26.887289222000163,32.07380454400027,37.35531606700033,40.690089438000086,42.57568370700028,44.28546879000032}', '{top_2_accuracy}', 'categorical_crossentropy', 1, 0.22873034328222275, '{0.9916666746139526,1,1,1,1,1,1,1,1}', '{0.6895352900028229,0.559173196554184,0.46096639335155487,0.3781449645757675,0.33818140625953674,0.30566005408763885,0.2717525511980057,0.2698017358779907,0.22873034328222275}', 1, 0.18918535485863686, '{1,1,1,1,1,1,1,1,1}', '{0.6458936035633087,0.502235934138298,0.39557164907455444,0.32067785412073135,0.28425342589616776,0.2553960904479027,0.2287367805838585,0.21404650062322617,0.18918535485863686}', '{5,6,7,8,9,10,11,12,13}', 0, 0);
INSERT INTO t_kept.hyperband_done_info VALUES (14, 1, 'optimizer=''Adam(lr=0.035902158041598305)'',loss=''categorical_crossentropy'',metrics=[''top_2_accuracy'']', 'batch_size=2,epochs=2', 'madlib_keras', 0.19921875, '{13.051264156000343,18.267724529000134,25.400108572000136,28.09252279500015,32.66140356000005,39.532991847000176,40.96025653700008,43.07740760500019,45.820232755000234}', '{top_2_accuracy}', 'categorical_crossentropy', 1, 0.19126668572425842, '{1,1,1,1,1,1,1,1,1}', '{0.43138477206230164,0.42832233011722565,0.37908634543418884,0.3444218188524246,0.24489884078502655,0.5266837179660797,0.22037135064601898,0.2334594503045082,0.19126668572425842}', 1, 0.15153973922133446, '{1,1,1,1,1,1,1,1,1}', '{0.381431445479393,0.376209020614624,0.34018951654434204,0.2811635509133339,0.20150768756866455,0.3803218752145767,0.18294363841414452,0.17246820405125618,0.15153973922133446}', '{5,6,7,8,9,10,11,12,13}', 0, 0);
INSERT INTO t_kept.hyperband_done_info VALUES (15, 1, 'optimizer=''Adam(lr=0.010939660014670526)'',loss=''categorical_crossentropy'',metrics=[''top_2_accuracy'']', 'batch_size=2,epochs=2', 'madlib_keras', 0.19921875, '{13.449249761000374,17.326373982000405,24.814474320000045,27.22952444900011,32.27213729499999,37.85343773100021,41.13387893200024,43.688568122000106,45.28972531400041}', '{top_2_accuracy}', 'categorical_crossentropy', 1, 0.43494367599487305, '{0.6583333611488342,0.9750000238418579,1,1,1,1,1,1,1}', '{1.1153112649917603,1.0746988654136658,0.8852120339870453,0.6781775951385498,0.5789276659488678,0.5203382819890976,0.488922655582428,0.4670844227075577,0.43494367599487305}', 1, 0.39908871054649353, '{0.699999988079071,0.9666666388511658,1,1,1,1,1,1,1}', '{1.121831238269806,1.071297824382782,0.8839245140552521,0.6653805375099182,0.5549652874469757,0.48368003964424133,0.44412049651145935,0.4207742214202881,0.39908871054649353}', '{5,6,7,8,9,10,11,12,13}', 0, 0);
INSERT INTO t_kept.hyperband_done_summary VALUES ('train', 'val', 'hyperband_done', 'hyperband_done_info', 'class_text', 'attributes', 'lib', 'hyperband_done_best', 'hyperband', 'R=9, eta=3, skip_last=0', '11', 'madlib.functions', false, 1, NULL, NULL, '2026-11-26 01:43:02', '2026-11-26 01:43:48', 'keras_automl 0.1.0', 3, '{Iris-setosa,Iris-versicolor,Iris-virginica}', '{Iris-setosa,Iris-versicolor,Iris-virginica}', 'character varying', 1);
INSERT INTO t_kept.hyperopt_done VALUES (1, '\x8e8ba5be00e8b33952058c3de2fd98be13f2b5be166e3abed4eb74be118ce3be21fefcbe7440323ebbc40ebe969ebe3eeafd3a3f6507e9be966e553f60ebfbbd9523283fed6722bf03b1733e46e220bf935b3c3fe08ebb3c6329cf3f3d8f2f3f2b592cbf00000000c4c6d5be000000003a4dfdbe9a4646bd06ad40bfed4f7cbf38b9993fb51bf8be586d50be4e9902bfc8eb96bfe2d79dbd9fa4b9bd32af4a3f643846be78e4c4bdc69ec4bf9a80c43ea46f1b3fe6478d3de0f43d3c8a2d053f8530ec3f4b891f3dbb5abfbf', '{"class_name": "Sequential", "keras_version": "2.1.6", "backend": "tensorflow", "config": [{"class_name": "Dense", "config": {"name": "layer_0", "units": 6, "activation": "relu", "batch_input_shape": [null, 4]}}, {"class_name": "Dropout", "config": {"name": "layer_1", "rate": 0.2}}, {"class_name": "Dense", "config": {"name": "layer_2", "units": 3, "activation": "softmax"}}]}');
INSERT INTO t_kept.hyperopt_done VALUES (2, '\xd58fb33ef030ec3e42a81d3e9bca613e7d47e9bd649e423e6b89303fc949d6be4c2047bf098fbcbe2d9e2ebf021c9cbe848970bf8c2134bff1d2563ff4d1babc7842173f142e0dbf7cc110bf6051ddbea6d797be22b9cbbedcd4403fba7ebabebcceef3a6e70babd1c2a87bd17f7a4bd36f32abf0000000091e19d3f30f90dbf9141b8be17c8093ec23050bf09cf0a3fb0b90ec02217003fdcb80e3fdfff583fdbe016bfbf13733e931ef8bf27b680bf6e88bb3facfd263f6851dd3da898423ea561f53efbaf0f3f177f59bf', '{"class_name": "Sequential", "keras_version": "2.1.6", "backend": "tensorflow", "config": [{"class_name": "Dense", "config": {"name": "layer_0", "units": 6, "activation": "relu", "batch_input_shape": [null, 4]}}, {"class_name": "Dropout", "config": {"name": "layer_1", "rate": 0.2}}, {"class_name": "Dense", "config": {"name": "layer_2", "units": 3, "activation": "softmax"}}]}');
INSERT INTO t_kept.hyperopt_done VALUES (3, '\xdd4b69bf070138bf29f7803eeff0123d9072abbeab79bdbe67c7c9bf5b3cc6be67e49c3fb8bc5cbfb81005bfd4cd8c3eab91933f3c9d94be595a89bfd35180be204958bd721d42bd9c43e43f82ff3e3f9bfde6bf6f3bf4ba2061adbc403dc23d88ea15c00000000072d1153fe8a31dbe00000000cf3e86be5b135fbfe1b7363f2ee24a3f50d08dbde69deabec03a0bbd696dfc3f54e36abfbe5398bf8c8e52bf600327bf907f1abe70e119bf3069443e74b024bf9ca543bdc5e470be4a78703e5d88b2bfa21d383ee17abc3e', '{"class_name": "Sequential", "keras_version": "2.1.6", "backend": "tensorflow", "config": [{"class_name": "Dense", "config": {"name": "layer_0", "units": 6, "activation": "relu", "batch_input_shape": [null, 4]}}, {"class_name": "Dropout", "config": {"name": "layer_1", "rate": 0.2}}, {"class_name": "Dense", "config": {"name": "layer_2", "units": 3, "activation": "softmax"}}]}');
INSERT INTO t_kept.hyperopt_done VALUES (4, '\x008246bed4ea0ebf44dba8be903212bfd1f1013f3ac23dbfa0f4f0bc9c4f853e48abc53ee8225bbed89f14bf4ed8383fc07f903d9c0c273eb07e2bbf82ba053f8ac22fbfa147e1bee0dc243ea007e23e10850fbed8db173e0a287abef0de94bd0000000000000000000000000000000091b3c1bc00000000fe6c23bfaa20063f440dc23e0422b5be4c401d3fe4120ebf207150bdd8e3f1be20b17fbd969e1d3f200252be541d18bfa2c0edbcd5feaebe3157d33edc9965be8877f5bd00b0483d13fd77bdfa2aad3ca156093d', '{"class_name": "Sequential", "keras_version": "2.1.6", "backend": "tensorflow", "config": [{"class_name": "Dense", "config": {"name": "layer_0", "units": 6, "activation": "relu", "batch_input_shape": [null, 4]}}, {"class_name": "Dropout", "config": {"name": "layer_1", "rate": 0.2}}, {"class_name": "Dense", "config": {"name": "layer_2", "units": 3, "activation": "softmax"}}]}');
INSERT INTO t_kept.hyperopt_done VALUES (5, '\x77e810bfba04a83e9a40b53e6a50adbe09862bbf5af93cbf8a2d37bf4dc1b33fb6d216bfd47d46be5297a6bd923d1e3f9480d43eb71140bf51a585bec80000bfba4a843f335a06bf806a33bdfb3deabfd58ebabeb073f83ebb16a53ffe67443f000000006ab3673f0a7ca0bd00000000238f36bf0000000074f6e43e51981fbf5200443f18dc683f0f2e873eb325f6bf008a163f1d6b9fbee2703f3e083ae33e2495ae3ec8e8db3e40fa46c0d34dc83d52280e3f4a73d7bec8529ebd480c503fe48353be1e7a7b3ea8f733be', '{"class_name": "Sequential", "keras_version": "2.1.6", "backend": "tensorflow", "config": [{"class_name": "Dense", "config": {"name": "layer_0", "units": 6, "activation": "relu", "batch_input_shape": [null, 4]}}, {"class_name": "Dropout", "config": {"name": "layer_1", "rate": 0.2}}, {"class_name": "Dense", "config": {"name": "layer_2", "units": 3, "activation": "softmax"}}]}');
INSERT INTO t_kept.hyperopt_done_best VALUES (5, 1, 'optimizer=''Adam(lr=0.013048458718215568)'',loss=''categorical_crossentropy'',metrics=[''top_2_accuracy'']', 'batch_size=2,epochs=2');
INSERT INTO t_kept.hyperopt_done_best_summary VALUES ('lib', 'madlib.functions');
INSERT INTO t_kept.hyperopt_done_info VALUES (1, 1, 'optimizer=''Adam(lr=0.007322225876304656)'',loss=''categorical_crossentropy'',metrics=[''top_2_accuracy'']', 'batch_size=2,epochs=2', 'madlib_keras', 0.19921875, '{6.78254716299989,8.17078159599987,9.237479155000074,10.291222193000067,11.387192382000194,12.405323963000228,13.603261514000224,13.987687584000014,14.76542928300023,15.875719062999906}', '{top_2_accuracy}', 'categorical_crossentropy', 1, 0.2933083325624466, '{1,1,1,1,1,1,1,1,1,1}', '{0.7898643016815186,0.6312138736248016,0.5602191388607025,0.5416571795940399,0.4667193442583084,0.42187856137752533,0.3871667832136154,0.34861813485622406,0.324978843331337,0.2933083325624466}', 1, 0.2699560672044754, '{1,1,1,1,1,1,1,1,1,1}', '{0.781250387430191,0.6310183107852936,0.548477292060852,0.5175782144069672,0.44178810715675354,0.39619047939777374,0.35775433480739594,0.32105644047260284,0.29800137877464294,0.2699560672044754}', '{1,2,3,4,5,6,7,8,9,10}');
INSERT INTO t_kept.hyperopt_done_info VALUES (2, 1, 'optimizer=''Adam(lr=0.006661385109581706)'',loss=''categorical_crossentropy'',metrics=[''top_2_accuracy'']', 'batch_size=2,epochs=2', 'madlib_keras', 0.19921875, '{7.637541149999834,8.838239286999851,9.74499232900007,10.802777295999931,11.881612525000037,12.92553957600012,13.789539180000247,14.301601453999865,15.282672381999873,19.208088635999957}', '{top_2_accuracy}', 'categorical_crossentropy', 1, 0.22973918169736862, '{1,1,1,1,1,1,1,1,1,1}', '{0.5664359927177429,0.4802030175924301,0.4512205719947815,0.3781649321317673,0.3496222347021103,0.32891424000263214,0.32210831344127655,0.30221614241600037,0.25192276388406754,0.22973918169736862}', 1, 0.1973751187324524, '{1,1,1,1,1,1,1,1,1,1}', '{0.5447402596473694,0.44190068542957306,0.38655196130275726,0.3310450464487076,0.30921415984630585,0.2766566723585129,0.2641635909676552,0.24235647171735764,0.20716585963964462,0.1973751187324524}', '{1,2,3,4,5,6,7,8,9,10}');
INSERT INTO t_kept.hyperopt_done_info VALUES (3, 1, 'optimizer=''Adam(lr=0.08820992784244196)'',loss=''categorical_crossentropy'',metrics=[''top_2_accuracy'']', 'batch_size=2,epochs=2', 'madlib_keras', 0.19921875, '{16.072978831,16.29800420299989,16.60292908800011,16.849361149999822,17.22588127500012,17.674709758000063,17.998745898999914,18.356113691000246,18.746830606000003,23.682965050999883}', '{top_2_accuracy}', 'categorical_crossentropy', 1, 0.5437983572483063, '{1,1,1,1,1,1,1,1,1,1}', '{0.5258159637451172,0.429916650056839,0.5463954955339432,0.5458974242210388,0.5986924469470978,0.5779095590114594,0.5550172626972198,0.568002849817276,0.5799379348754883,0.5437983572483063}', 1, 0.44932255148887634, '{1,1,1,1,1,1,1,1,1,1}', '{0.47491171956062317,0.38056452572345734,0.4469585120677948,0.44601911306381226,0.4909403771162033,0.47277092933654785,0.4587956517934799,0.4659327417612076,0.47924819588661194,0.44932255148887634}', '{1,2,3,4,5,6,7,8,9,10}');
INSERT INTO t_kept.hyperopt_done_info VALUES (4, 1, 'optimizer=''Adam(lr=0.0010627602809711637)'',loss=''categorical_crossentropy'',metrics=[''top_2_accuracy'']', 'batch_size=2,epochs=2', 'madlib_keras', 0.19921875, '{19.771907181000188,20.209850222000114,20.584462508999877,21.02615933900006,21.494097725999836,21.939450882000074,22.37914999600025,22.777445312000054,23.10541868600012,27.14090208000016}', '{top_2_accuracy}', 'categorical_crossentropy', 0.6916666626930237, 1.097226321697235, '{0.6916666626930237,0.6916666626930237,0.6916666626930237,0.6916666626930237,0.6916666626930237,0.6916666626930237,0.6916666626930237,0.6916666626930237,0.6916666626930237,0.6916666626930237}', '{1.0984148979187012,1.098116934299469,1.0978500843048096,1.0976750254631042,1.0975685119628906,1.0974489450454712,1.0973769426345825,1.0973221063613892,1.097271740436554,1.097226321697235}', 0.5666666626930237, 1.1084693670272827, '{0.5666666626930237,0.5666666626930237,0.5666666626930237,0.5666666626930237,0.5666666626930237,0.5666666626930237,0.5666666626930237,0.5666666626930237,0.5666666626930237,0.5666666626930237}', '{1.0995001196861267,1.100866973400116,1.1023702025413513,1.103535234928131,1.1043619513511658,1.1054549813270569,1.1062422394752502,1.1069374680519104,1.1076160669326782,1.1084693670272827}', '{1,2,3,4,5,6,7,8,9,10}');
INSERT INTO t_kept.hyperopt_done_info VALUES (5, 1, 'optimizer=''Adam(lr=0.013048458718215568)'',loss=''categorical_crossentropy'',metrics=[''top_2_accuracy'']', 'batch_size=2,epochs=2', 'madlib_keras', 0.19921875, '{24.397279916000116,24.72681493800019,25.006630548999965,25.34102162699992,25.633474634999857,25.932853570000134,26.242632807000064,26.548982824000177,26.87767613699998,27.440246490999925}', '{top_2_accuracy}', 'categorical_crossentropy', 1, 0.2268437147140503, '{1,1,1,1,1,1,1,1,1,1}', '{0.7584096491336823,0.5332249999046326,0.4496205598115921,0.3612935245037079,0.33451539278030396,0.2490454539656639,0.27400656044483185,0.2351580560207367,0.22700025886297226,0.2268437147140503}', 1, 0.1748218610882759, '{1,1,1,1,1,1,1,1,1,1}', '{0.7527790665626526,0.4865785241127014,0.3934227079153061,0.29726865142583847,0.28533295542001724,0.20385348796844482,0.21727950125932693,0.20911487191915512,0.18482405319809914,0.1748218610882759}', '{1,2,3,4,5,6,7,8,9,10}');
INSERT INTO t_kept.hyperopt_done_summary VALUES ('train', 'val', 'hyperopt_done', 'hyperopt_done_info', 'class_text', 'attributes', 'lib', 'hyperopt_done_best', 'hyperopt', 'num_configs=5, num_iterations=10, algorithm=tpe', '11', 'madlib.functions', false, 1, NULL, NULL, '2026-11-26 01:45:39', '2026-11-26 01:46:07', 'keras_automl 0.1.0', 3, '{Iris-setosa,Iris-versicolor,Iris-virginica}', '{Iris-setosa,Iris-versicolor,Iris-virginica}', 'character varying', 1);
INSERT INTO t_kept.lib VALUES (1, '{"class_name": "Sequential", "keras_version": "2.1.6", "backend": "tensorflow", "config": [{"class_name": "Dense", "config": {"name": "layer_0", "units": 6, "activation": "relu", "batch_input_shape": [null, 4]}}, {"class_name": "Dropout", "config": {"name": "layer_1", "rate": 0.2}}, {"class_name": "Dense", "config": {"name": "layer_2", "units": 3, "activation": "softmax"}}]}', NULL, NULL, NULL, '9d2c7e52203d40e583b0f52495fe45d5');
INSERT INTO t_kept.train VALUES ('\x6666b64000004040666686409a99993f0000d04033333340333393400000c03f9a99b940cdcc2c40333383400000803fcdccbc4000004040666686400000c03f3333e34000004040cdccbc406666064066669640cdcc4c40cdcccc3fcdcc4c3e3333c34033333340666696409a99993f6666f640333373406666d640cdcc0c40cdcc9c40000040403333b33fcdcc4c3e9a99d940cdcc4c40cdccbc40333313403333a340333373400000c03f9a99993e6666f640333333406666d64000000040cdcccc40cdcc4c40000090400000c03f0000b04033331340000080406666a63f3333b34000004040000090400000c03f6666a640cdcc2c409a9979403333b33f9a99b940333333403333a3409a9919400000a040000060406666a63f9a99993ecdcccc40333333403333b340cdcc0c40cdccdc4066664640cdccac4066660640cdcccc40cdcc2c409a99a9403333f33f3333a3400000204000004040cdcc8c3f6666e640cdcc4c400000c0406666e63f9a99b940cdcc2c403333a3403333f33fcdcccc40666646400000b0406666e63f0000a040cdcc4c409a99993fcdcc4c3e3333d3409a993940333393406666a63f0000a04000000040000060400000803f6666d64066664640666696400000c03f00009040333313406666a63f9a99993e6666d640000040400000a0409a99d93f6666d640000040406666a640333313409a99d940000040400000b040666606400000d040cdcc4c403333a34000000040cdcccc409a9939409a9989406666a63f6666c640333333409a9999406666e63f3333a340333373403333f33fcdcccc3e6666a640333383400000c03fcdcccc3d6666b64066662640000060400000803f33339340cdcc4c403333b33fcdcc4c3e9a9999409a995940cdcccc3fcdcc4c3ecdccac4000004040000090400000c03f9a99c940000020400000a0403333f33fcdcccc40333333403333b340666606406666d640666646403333b3409a9919406666a640000060400000c03fcdcc4c3e6666b640000020400000a040000000406666b64033333340000090406666a63f6666d640333353406666b640666606403333c34000004040333393403333b33f9a99c9409a9939403333b3406666e63f6666b6409a993940666686406666a63f6666c640cdcc0c40000090400000c03f9a99a940cdcc6c400000c03fcdcc4c3e0000c040cdcc0c40000080400000803f3333a340000060403333b33f9a99993e6666d640000020409a99b9406666e63f9a999940000040403333b33fcdcccc3d9a99e9409a9939409a99c9406666e63f6666b64033333340333383406666a63f', '\x000001000000000001000000000001000000000001000000000000000100010000000000000001000000000000000100010000000000000000000100010000000000000000000100000001000000000001000000000001000000000001000000000000000100010000000000000000000100000000000100000000000100000001000000000000000100000000000100000000000100010000000000000001000000000001000000000001000000010000000000000001000000000000000100000000000100000000000100000001000000000000000100010000000000010000000000000001000000010000000000010000000000000001000000000000000100000000000100000000000100010000000000000000000100000001000000000000000100000001000000000000000100000001000000000001000000010000000000000001000000010000000000000000000100010000000000000000000100000001000000', '{60,4}', '{60,3}', 0);
INSERT INTO t_kept.train VALUES ('\x0000d040000040406666a640000000406666f64066662640cdccdc4033331340cdcc9c4000002040000090409a99d93f0000c040cdcc2c403333a340cdcccc3f0000c0409a993940000090400000c03f9a99c9403333534066669640cdcccc3f9a99c94000002040cdcc9c400000c03f3333c34000004040cdcc9c406666e63fcdcc9c40666646400000c03fcdcccc3d3333b34000004040333383406666a63f6666a6409a9959403333b33fcdcc4c3e9a99b940cdcc2c403333a3403333f33f3333c3409a993940666696403333b33f6666c6409a9939409a9989406666a63fcdcc9c40666646400000c03fcdcccc3d0000b040000060406666a63fcdcc4c3e6666e640000040409a99b940cdcccc3fcdccac409a9979406666a63fcdcccc3e3333a340cdcc6c400000c03fcdcccc3e0000c040cdcc0c400000a0400000c03fcdcc8c40cdcc4c406666a63fcdcc4c3e9a99b940000080409a99993fcdcc4c3ecdccdc4066664640cdcc9c400000c03f3333d34000004040cdcc8c403333b33f9a99994066664640cdcccc3fcdcc4c3e3333b340000020409a997940cdcc8c3f0000b04000002040000080406666a63f0000a0409a995940cdcccc3fcdcccc3e33339340666666400000803fcdcc4c3e3333b3409a993940666666406666a63f9a9999409a9959403333f33fcdcc4c3ecdccac409a9979409a99d93fcdcccc3ecdccbc40000040403333a3406666e63f6666d640333353406666b64000002040cdccac40cdcc6c400000c03fcdcc4c3e9a99b94066662640000080409a99993f33339340666646400000c03fcdcc4c3e6666b640cdcc8c400000c03fcdcccc3e0000b0409a99194033337340cdcc8c3fcdccdc40666646403333a340333313400000b0409a991940cdcc6c400000803fcdccfc4033337340cdcccc40000000400000a0409a9959400000c03fcdcc4c3e66669640cdcc4c406666a63fcdcc4c3e3333c34033333340000080406666a63f6666b640333373409a99d93f9a99993e333393409a9959403333b33f9a99993e6666e640666666403333c34000002040cdcccc40cdcc4c409a99a940333313403333f340000040403333d340666606406666c6409a995940cdccac4033331340cdcc9c409a991940333353400000803f0000a040666666403333b33fcdcc4c3e9a99c940cdcc2c40cdcc9c406666e63f9a99c940333333403333a3400000c03f3333a340333353409a99d93f0000003fcdccdc40cdcc4c406666b64033331340cdccac409a9959400000c03fcdcccc3e3333b340cdcc2c40666686406666a63f3333c340666626403333b3403333b33f', '\x000000000100000000000100000000000100000001000000000001000000000001000000000001000000000000000100010000000000000001000000010000000000000000000100000001000000000001000000010000000000010000000000000000000100010000000000010000000000000000000100010000000000010000000000000001000000000001000000010000000000000001000000000001000000010000000000010000000000000001000000010000000000010000000000000000000100000000000100010000000000000001000000010000000000010000000000000001000000000000000100000001000000000000000100010000000000010000000000000001000000010000000000010000000000000000000100000000000100000000000100000000000100000001000000010000000000000000000100000000000100010000000000000000000100010000000000000001000000000000000100', '{60,4}', '{60,3}', 1);
INSERT INTO t_kept.train_summary VALUES ('iris_train', 'train', 'class_text', 'attributes', 'character varying', '{Iris-setosa,Iris-versicolor,Iris-virginica}', '{Iris-setosa,Iris-versicolor,Iris-virginica}', 60, 1, 3, 'all_segments', 'all_segments', 2, 'int16');
INSERT INTO t_kept.val VALUES ('\x0000d040000040409a99b940cdcc0c400000d040000040400000b0406666e63f0000a04000004040cdcccc3fcdcc4c3e9a99c94033331340cdcc8c406666a63f0000c0409a99594000009040cdcccc3f0000a04000006040cdcccc3f9a99193f3333b34033333340cdcc9c40000000409a99d940333333409a9999403333b33fcdccec40333333403333c3403333f33fcdccac409a9959409a99d93fcdcc4c3ecdccbc40cdcc4c409a9999406666e63f0000a040333353403333b33fcdcc4c3e9a99894000004040cdcc8c3fcdcccc3d0000a04033331340333353400000803f0000c040000040409a9999406666e63f', '\x000000000100000000000100010000000000000001000000000001000000010000000000000000000100000001000000000000000100010000000000000001000000010000000000010000000000000001000000000000000100', '{15,4}', '{15,3}', 0);
INSERT INTO t_kept.val VALUES ('\x9a999940000040403333b33f9a99993e6666d64066664640cdcc8c403333b33f0000e040cdcc4c40666696403333b33f3333a340000060403333b33fcdcc4c3e9a99b940cdcc2c409a9979409a99993f9a99c9409a9959403333b3409a9919409a99c940333353400000c04000002040cdcc9c40666646400000c03fcdcccc3d6666f640000040403333c340333313400000b04066662640cdcc8c409a99993f0000b040666686403333b33fcdcc4c3e3333a34033337340cdcccc3fcdcc4c3ecdcc8c40000040406666a63fcdcc4c3e3333a3409a9959400000c03fcdcc4c3ecdcc8c409a9939403333b33fcdcc4c3e', '\x010000000000000001000000000001000000010000000000000001000000000000000100000000000100010000000000000000000100000001000000010000000000010000000000010000000000010000000000010000000000', '{15,4}', '{15,3}', 1);
INSERT INTO t_kept.val_summary VALUES ('iris_test', 'val', 'class_text', 'attributes', 'character varying', '{Iris-setosa,Iris-versicolor,Iris-virginica}', '{Iris-setosa,Iris-versicolor,Iris-virginica}', 15, 1, 3, 'all_segments', 'all_segments', 2, 'int16');
SELECT pg_catalog.setval('madlib.functions_id_seq', 1, true);
ALTER TABLE ONLY madlib.functions
    ADD CONSTRAINT functions_pkey PRIMARY KEY (name);
ALTER TABLE ONLY t_kept.hyperband_done_best
    ADD CONSTRAINT hyperband_done_best_pkey PRIMARY KEY (mst_key);
ALTER TABLE ONLY t_kept.hyperband_done_info
    ADD CONSTRAINT hyperband_done_info_pkey PRIMARY KEY (mst_key);
ALTER TABLE ONLY t_kept.hyperband_done
    ADD CONSTRAINT hyperband_done_pkey PRIMARY KEY (mst_key);
ALTER TABLE ONLY t_kept.hyperopt_done_best
    ADD CONSTRAINT hyperopt_done_best_pkey PRIMARY KEY (mst_key);
ALTER TABLE ONLY t_kept.hyperopt_done_info
    ADD CONSTRAINT hyperopt_done_info_pkey PRIMARY KEY (mst_key);
ALTER TABLE ONLY t_kept.hyperopt_done
    ADD CONSTRAINT hyperopt_done_pkey PRIMARY KEY (mst_key);
ALTER TABLE ONLY t_kept.lib
    ADD CONSTRAINT lib_pkey PRIMARY KEY (model_id);
GRANT SELECT ON TABLE madlib.functions TO PUBLIC;
