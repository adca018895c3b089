"""Networks of members: several networks in one, each trained on a loss of its own, whose mean is the output.

A model is one whose last layer is a GlobalAveragePooling1D with the name below. What it takes the mean over are the members.
So the model is what it is to everybody, also outside: its output is the mean. What only the name says is how it is trained.

Source: Gorishniy, Kotelnikov, Babenko, "TabM: Advancing Tabular Deep Learning with Parameter-Efficient Ensembling", 2025,
section 3: on the mean of the losses, and not on the loss of the mean.
"""

from __future__ import annotations

MEMBERS = "members"  # name of the last layer
KIND = "GlobalAveragePooling1D"  # its class
