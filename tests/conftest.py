"""The table of contents of the fixtures."""

pytest_plugins = ["fix_db", "fix_greenplum"]
