"""The words by which `prompt_check` knows a tempo, a feel, a genre, an instrument or a wish for voices.

The lists are of what people write, not of all that exists: what they lack makes a check too strict, never too mild.
"""

from __future__ import annotations

import re


def _any(words: str) -> re.Pattern[str]:
    """A pattern for whole words, one per line or space; `_` stands for a space or hyphen, a plural s is allowed."""
    parts = (re.escape(word).replace("_", r"[\s-]?") for word in words.split())
    return re.compile(rf"\b(?:{'|'.join(parts)})(?:e?s)?\b", re.IGNORECASE)


#: A number of beats per minute.
BEATS = re.compile(r"\b(\d{2,3})(?:\s*(?:-|–|to)\s*(\d{2,3}))?\s*-?\s*(?:bpm\b|beats? per minute)", re.IGNORECASE)

FEEL = _any("""
    slow fast mid_tempo up_tempo uptempo downtempo half_time double_time moderate allegro andante adagio presto largo
    driving steady relentless laid_back groove groovy free swing swung swinging shuffle rolling pulsing pulse marching
    stomping hypnotic floating beatless without_a_beat rubato static four_on_the_floor 4_on_the_floor
    backbeat breakbeat syncopated straight waltz unhurried lazy weightless drifting energetic calm
""")

GENRE = _any("""
    industrial ebm electronic_body_music house techno trance electro electronica electronic idm dub dubstep
    drum_and_bass drum_n_bass dnb jungle garage breakbeat hardcore gabber synthwave retrowave vaporwave disco funk soul
    rnb r&b hip_hop hip-hop trap lo_fi lofi chillhop chillout jazz bebop post_bop swing fusion blues rock metal punk
    grunge indie folk country bluegrass americana pop reggae ska dancehall afrobeat latin salsa bossa_nova samba tango
    flamenco classical baroque romantic orchestral chamber minimalism opera ambient drone noise experimental
    electroacoustic musique_concrete glitch cinematic soundtrack film_score film_music score trailer new_age world
    celtic gospel march polka chiptune edm dance psytrance krautrock shoegaze post_rock ragtime waltz klezmer
""")

INSTRUMENTS = _any("""
    drum kick snare hi_hat hihat cymbal ride clap percussion conga bongo taiko tom shaker tambourine timpani gong
    drum_machine 808 909 bass guitar ukulele banjo mandolin sitar harp lute piano rhodes electric_piano organ
    harpsichord celesta clavinet keys keyboard synth synthesizer synthesiser lead pad arpeggio arpeggiator sequence
    sequencer oscillator string violin viola cello double_bass fiddle brass trumpet trombone tuba horn saxophone sax
    flute clarinet oboe bassoon woodwind accordion harmonica bagpipe bell chime marimba vibraphone xylophone kalimba
    glockenspiel orchestra theremin turntable sampler field_recording tape bowl
""")

VOICES = _any("""
    vocal vocals vocalist sing sings sung singing singer voice voices lyric lyrics lyrical_vocals rap raps rapped
    rapper rapping choir chorus_of chant chants chanting spoken_word spoken_sample speech speaking shout shouting
    scream screams screaming a_cappella acapella mc humming yodel
""")

#: Parts of a song sheet: lyrics were pasted in.
SONG_SHEET = re.compile(
    r"^\s*\[?(?:verse|chorus|bridge|hook|outro|intro|pre-chorus|lyrics)(?:\s+\d+)?\s*[\]:]\s*",
    re.IGNORECASE | re.MULTILINE,
)

#: What comes after one of these, up to the end of its clause, is unwanted.
NEGATION = re.compile(
    r"\b(?:no|not|without|avoid(?:ing)?|exclud(?:e|es|ing)|except|never|free of|nor|instead of|instrumental)\b"
    r"|\b\w+-free\b",
    re.IGNORECASE,
)

#: The negations that leave something out; "that never lets up" does not.
EXCLUSION = re.compile(r"(?:no|nor|without|avoid|exclud|except|free of|instrumental|\w+-free)", re.IGNORECASE)

#: Ends what a negation reaches.
CLAUSE_END = re.compile(r"[.;:!?\n]|\b(?:but|just|with|then)\b", re.IGNORECASE)
