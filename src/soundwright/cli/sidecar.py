"""soundwright sidecar: conditioning beside every token file."""

from soundwright.cli.group import group

app = group("sidecar", "Make, fill and check the conditioning beside every token file.")
app.command(
    "soundwright.sidecar.init:init",
    help="Makes an empty sidecar beside every token file: as many frames, no features yet.",
)
app.command(
    "soundwright.sidecar.add:add",
    help="Fills sidecars with features: constants, ramps, file names, spreadsheets, the sound itself.",
)
app.command(
    "soundwright.sidecar.audit:audit",
    help="Checks that every token file has a sound sidecar, and that all of them go together.",
)
