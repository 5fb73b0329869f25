"""The tables of docs/mixing-evaluation.md: does the shipped mixer help, where, and where not?

    python benchmarks/mixing_quality.py [SONGS] [--model tiny] [--limit N] [--only main|tools|unfamiliar|recorded]

SONGS are the test songs of `python -m soundwright.recipes.mixer_tiny OUT` (OUT/songs/test); without, they are rendered
again, which needs FluidSynth with FluidR3 GM. Twenty minutes on one core. Figures, not times.

- `main`: 40 songs of artists that were not trained on; with asked numbers.
- `tools`: distorted by the tools that the mixer never says.
- `unfamiliar`: songs of `song_maker`, whose instruments it does not know; with and without words, and its guard off.
- `recorded`: loops and notes that were recorded, laid beside each other (Debian's sonic-pi-samples, CC0); no songs, but
  no synthesis of ours either.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import tempfile
from pathlib import Path

import numpy as np

from soundwright.audio.files import read_audio, write_wav
from soundwright.audio.lufs import integrated_loudness
from soundwright.mixing.checkpoint import load_mixer, save_mixer
from soundwright.mixing.distortion import Ranges, Span, ToolRanges
from soundwright.mixing.evaluate import Evaluation, evaluate
from soundwright.mixing.executor import as_stereo
from soundwright.mixing.familiarity import Familiarity
from soundwright.mixing.song_maker import make_song
from soundwright.mixing.summary import Row
from soundwright.recipes.mixer_tiny import SONGS
from soundwright.recipes.rendered_songs import render_songs

OTHER_TOOLS = {
    "apply_high_pass": {"cutoff_hz": (100, 400)},
    "apply_low_pass": {"cutoff_hz": (2000, 8000)},
    "apply_compressor": {"threshold_db": (-40, -25), "ratio": (2, 6)},
    "apply_reverb": {"amount": (0.2, 0.8)},
    "apply_limiter": {"ceiling_db": (-18, -9)},
}
#: Of `song_maker`; not those that were looked at when rules were chosen.
UNFAMILIAR_SEEDS = range(700, 716)
#: Recordings by stem. A song takes one of each, over and over; only drums and bass go by names that training had.
RECORDINGS = Path("/usr/share/sonic-pi/samples")
RECORDED = {
    "drums": ("loop_amen_full", "loop_breakbeat", "loop_tabla", "loop_safari", "loop_mehackit1", "loop_perc1"),
    "bass": ("bass_thick_c", "bass_trance_c", "bass_woodsy_c", "bass_voxy_c", "bass_drop_c", "bass_hard_c"),
    "guitar": ("guit_em9", "guit_e_fifths", "guit_e_slide", "guit_harmonics", "ambi_piano", "guit_em9"),
    "choir": ("ambi_choir", "ambi_glass_rub", "ambi_choir", "ambi_drone", "ambi_choir", "loop_compus"),
}
RECORDED_S, RECORDED_LUFS = 15.0, {"drums": -20.0, "bass": -22.0, "guitar": -23.0, "choir": -24.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", type=Path, nargs="?")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--only", choices=("main", "tools", "unfamiliar", "recorded"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        songs = options.songs
        if songs is None and options.only in (None, "main", "tools"):
            seed, count, _ = SONGS["test"]
            songs = Path(work) / "songs"
            render_songs(songs, songs=options.limit or count, seed=seed)
        if options.only in (None, "main"):
            main_table(evaluate(options.model, songs=songs, limit=options.limit))
        if options.only in (None, "tools"):
            tools_table(options.model, songs)
        if options.only in (None, "unfamiliar"):
            unfamiliar_table(options.model, Path(work) / "unfamiliar")
        if options.only in (None, "recorded"):
            recorded_table(options.model, Path(work) / "recorded")


def main_table(found: Evaluation) -> None:
    row = {(r.method, r.condition): r for r in found.rows}
    mixer = {condition: r for (method, condition), r in row.items() if method == "mixer"}
    baselines = [r for (method, condition), r in row.items() if method not in ("mixer", "exact answer")]
    blind = [r for r in baselines if r.condition in ("-", "blind")]
    best = max(blind, key=lambda r: r.recovery)

    def pair(name: str, section: str, digits: int = 3) -> str:
        values = [_figure(mixer[f"{section}-{kind}"], name) for kind in ("stems", "mix")]
        return " / ".join(f"{value:.{digits}f}" for value in values)

    conditions = ("blind", "same-stems", "same-mix", "other-stems", "other-mix")
    untouched, facts = mixer["blind"].untouched, found.facts
    print(f"weights SHA-256 {facts['weights_sha256'][:12]}, seed {facts['seed']}")
    print(f"{found.songs} songs, {found.examples} segments, {untouched} of them untouched\n")
    print("| figure | asked | aim | measured |\n|---|---|---|---|")
    lines = [
        ("F1 (stem, tool), clean reference of the same segment: stems / mix", "0.85", "0.92", pair("f1", "same")),
        ("F1, clean reference of another section: stems / mix", "0.72", "0.85", pair("f1", "other")),
        ("volume error, same segment: stems / mix", "0.7 dB", "0.5 dB", pair("volume", "same", 2) + " dB"),
        ("volume error, another section: stems / mix", "1.1 dB", "0.8 dB", pair("volume", "other", 2) + " dB"),
        (
            *("recovery of the mix, blind", "above every baseline", ""),
            f"{mixer['blind'].recovery:.3f}; the best baseline ({best.method}) {best.recovery:.3f}",
        ),
        ("recovery of the mix, same segment: stems / mix", "0.6", "0.8", pair("recovery", "same")),
        (
            *(f"untouched mixes left alone: {', '.join(conditions)}", "0.90", "0.97"),
            ", ".join(f"{mixer[c].left_alone:.3f}" for c in conditions),
        ),
        (
            *("stems made worse, likewise", "5 %", "2 %"),
            ", ".join(f"{100 * mixer[c].worse:.1f} %" for c in conditions),
        ),
        ("parse rate", "1.0", "", f"{min(r.parsed for r in found.rows):.1f}"),
    ]
    for line in lines:
        print(f"| {' | '.join(line)} |")
    print()
    print("\n".join(list(found.lines())[1:]))
    print("\n| answer | reference | loudness LU | tilt dB/octave | balance dB | F1 volume / pan / EQ |")
    print("|---|---|---|---|---|---|")
    for r in (row["exact answer", "-"], *mixer.values()):
        spans = " | ".join(f"{a:.2f} -> {b:.2f}" for a, b in (r.loudness, r.tilt, r.balance))
        print(f"| {r.method} | {r.condition} | {spans} | {' / '.join(f'{x:.2f}' for x in r.f1_tools.values())} |")


def tools_table(model: str, songs: Path) -> None:
    print("\n| distortion | mix recovered | stems made worse | exact answer |\n|---|---|---|---|")
    for tool, spans in OTHER_TOOLS.items():
        arguments = {name: Span(low=low, high=high) for name, (low, high) in spans.items()}
        found = evaluate(
            model,
            songs=songs,
            limit=8,
            segments_per_song=2,
            references=["same-stems"],
            words=[],
            ranges=Ranges(most=1, tools={tool: ToolRanges(probability=1, arguments=arguments)}),
        )
        row = {r.method: r for r in found.rows}
        said, exact = row["mixer"], row["exact answer"]
        print(f"| {tool} {spans} | {said.recovery:.2f} | {100 * said.worse:.0f} % | {exact.recovery:.2f} |", flush=True)


def unfamiliar_table(model: str, folder: Path) -> None:
    for place, seed in enumerate(UNFAMILIAR_SEEDS):
        for name, sound in make_song(seed, 16.0, 44_100).items():
            write_wav(folder / f"artist-{place:02d}" / f"song-{seed}" / "stems" / f"{name}.wav", sound, 44_100)
    mixer, _ = load_mixer(model)
    mixer.familiarity = Familiarity()
    alone = save_mixer(mixer, folder.parent / "unguarded", {"name": "without its guard"})
    rows = [(r.method, r) for r in evaluate(model, songs=folder).rows]
    rows += [("mixer, no guard", r) for r in evaluate(alone, songs=folder, words=[]).rows if r.method == "mixer"]
    first = rows[0][1]
    print(f"\n{len(UNFAMILIAR_SEEDS)} songs of song_maker")
    print(f"{first.examples} segments, {first.untouched} of them untouched\n")
    print("| answer | reference | F1 | mix recovered | left alone | stems made worse |\n|---|---|---|---|---|---|")
    for name, r in rows:
        if name not in ("small network", "usual loudness"):
            print(f"| {name} | {r.condition} | {r.f1:.3f} | {r.recovery:.3f} | {r.left_alone:.2f} | {r.worse:.3f} |")


def recorded_table(model: str, folder: Path) -> None:
    if not RECORDINGS.is_dir():
        print("\nsonic-pi-samples is not installed: nothing recorded")
        return
    for place in range(len(RECORDED["drums"])):
        for stem, names in RECORDED.items():
            sound = as_stereo(read_audio(RECORDINGS / f"{names[place]}.flac", sample_rate=44_100))
            length = round(RECORDED_S * 44_100)
            whole = np.tile(sound, (1, -(-length // sound.shape[1])))[:, :length]
            whole *= np.float32(10 ** ((RECORDED_LUFS[stem] - integrated_loudness(whole, 44_100)) / 20))
            write_wav(folder / f"artist-{place}" / "song" / "stems" / f"{stem}.wav", whole, 44_100, subtype="FLOAT")
    # Of a loop another section is the same again, so only references of the same segment are asked.
    found = evaluate(model, songs=folder, references=["blind", "same-mix", "same-stems"], repeats=5)
    print(f"\n{found.songs} songs of recordings, {found.examples} segments\n")
    print("\n".join(line for line in list(found.lines())[1:] if "small network" not in line))


def _figure(row: Row, name: str) -> float:
    return row.errors["change_volume.db"] if name == "volume" else float(getattr(row, name))


if __name__ == "__main__":
    main()
