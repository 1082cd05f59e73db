"""Made-up names: syllables and words of ours, no place, firm or person that is."""

PLACES = (
    "Ash",
    "Brack",
    "Cald",
    "Dun",
    "Elder",
    "Fen",
    "Gor",
    "Hazel",
    "Ister",
    "Kest",
    "Lin",
    "Mar",
    "Nether",
    "Ous",
    "Penn",
    "Rav",
)
ENDINGS = ("mere", "borough", "ley", "wick", "moor", "ford", "stead", "combe", "thwaite", "ham")
TREES = (
    "Alder", "Aspen", "Birch", "Bramble", "Cedar", "Clover", "Daisy", "Elm", "Fern", "Foxglove", "Hawthorn", "Hazel", "Heather", "Holly", "Iris",
    "Ivy", "Juniper", "Larch", "Larkspur", "Linden", "Maple", "Meadow", "Oak", "Poppy", "Primrose", "Rowan", "Sorrel", "Tansy", "Willow", "Yarrow",
)  # fmt: skip
KINDNESSES = (
    "Bright", "Brook", "Calm", "Close", "Dawn", "Dell", "Field", "Gate", "Glen", "Green", "Grove", "Hand", "Harbour", "Hearth", "Hill", "Hope",
    "House", "Lane", "Light", "Path", "River", "Stone", "Vale", "View", "Way",
)  # fmt: skip
TRADES = (
    "Care",
    "Support",
    "Families",
    "Short Breaks",
    "Home Care",
    "Community Care",
    "Nursing",
    "Companions",
    "Outreach",
    "Partners",
    "Together",
    "Trust",
)
FIRST = (
    "Ada", "Amir", "Anika", "Ben", "Bola", "Cora", "Dev", "Elif", "Ewan", "Femi", "Gwen", "Hari", "Ines", "Jonah", "Kemi", "Lena", "Mina", "Noor",
    "Orla", "Petra", "Quinn", "Rhys", "Sade", "Tomas", "Uma", "Vera", "Wanda", "Yusuf", "Zadie", "Zoe",
)  # fmt: skip
LAST = (
    "Abney", "Brook", "Carrow", "Daley", "Dunn", "Easton", "Farrow", "Garth", "Hale", "Innes", "Jessop", "Kell", "Lorne", "Marsh", "Moor", "Nairn",
    "Oyelaran", "Pike", "Rafferty", "Sallow", "Tern", "Thackray", "Umber", "Vale", "Wren", "Yarrow",
)  # fmt: skip
