"""The words of the simulated world. Order matters: a seed picks by index."""

from typing import Final

GENRES: Final = (
    "Drama",
    "Comedy",
    "Thriller",
    "Romance",
    "Science Fiction",
    "Documentary",
    "Crime",
    "Adventure",
    "Animation",
    "Horror",
    "Mystery",
    "Fantasy",
)
_FIRST: Final = (
    "Silent Crimson Hidden Golden Broken Distant Burning Frozen Hollow Electric Midnight Wandering Forgotten Velvet"
    " Paper Iron Amber Restless Northern Secret Second Lonely Painted Glass Endless Wild Gentle Copper Falling Last"
)
_SECOND: Final = (
    "Harbor River Garden Empire Letters Mirror Summer Station Orchard Signal Kingdom Voyage Promise Shadow Lighthouse"
    " Island Winter Machine Bridge Carnival Horizon Archive Theory Neighbor Season Castle Highway Symphony Valley Clock"
)
TITLE_FIRST: Final = tuple(_FIRST.split())
TITLE_SECOND: Final = tuple(_SECOND.split())
NAMES: Final = (
    "Ada Moreau",
    "Bruno Keller",
    "Chiara Rossi",
    "Dev Patel-Lindqvist",
    "Elif Demir",
    "Femi Okafor",
    "Greta Holm",
    "Hiro Tanabe",
    "Ines Duarte",
    "Jonas Weber",
    "Kaya Novak",
    "Leo Fontaine",
)
#: Country, language and share of users.
COUNTRIES: Final = (
    ("US", "en", 0.30),
    ("DE", "de", 0.20),
    ("GB", "en", 0.15),
    ("FR", "fr", 0.13),
    ("BR", "pt", 0.12),
    ("JP", "ja", 0.10),
)
DEVICES: Final = ("mobile", "tv", "web", "tablet")
AGE_GROUPS: Final = ("18-24", "25-34", "35-44", "45-54", "55+")
MATURITIES: Final = ("all", "7", "12", "16")
