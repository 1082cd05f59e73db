"""Who is in the demo: every name is made up, none is a word that stands in a text about a child."""

from __future__ import annotations

from dataclasses import dataclass, field

BOROUGH, COUNTY, CITY = "borough", "county", "city"


@dataclass(frozen=True, slots=True)
class Council:
    """A commissioner and the people of its offices."""

    key: str
    name: str
    short: str
    colour: str
    admin: tuple[str, str]
    referrers: tuple[tuple[str, str], ...]
    contracts: tuple[str, str]
    finance: tuple[str, str]
    second_finance: tuple[str, str] | None = None  # where two must look at what is waived


COUNCILS = (
    Council(
        BOROUGH, "London Borough of Ravensmere", "Ravensmere", "#005a5b",
        ("Adaeze Nwosu", "admin@example.org"),
        (("Rosalind Mercer", "referrer@example.org"), ("Imran Daley", "imran.daley@example.org")),
        ("Marguerite Oyelaran", "contracts@example.org"), ("Desmond Pike", "finance@example.org"),
        ("Bettina Crewe", "second.finance@example.org"),
    ),
    Council(
        COUNTY, "Ousemoor County Council", "Ousemoor", "#5b3a86",
        ("Helen Thackray", "county.admin@example.org"),
        (("Gareth Lorne", "county.referrer@example.org"),),
        ("Nadia Fairweather", "county.contracts@example.org"), ("Piers Abney", "county.finance@example.org"),
    ),
    Council(
        CITY, "Fenbridge City Council", "Fenbridge", "#8a2846",
        ("Tamsin Okoro", "city.admin@example.org"),
        (("Yusuf Brandreth", "city.referrer@example.org"),),
        ("Lucinda Marsh", "city.contracts@example.org"), ("Colm Rafferty", "city.finance@example.org"),
    ),
)  # fmt: skip
OPERATOR = ("Odile Tern", "operator@example.org")


@dataclass(frozen=True, slots=True)
class House:
    """A provider: its offices, the lots it applies to, its workforce (role, how many), and what is odd about it."""

    key: str
    name: str
    short: str
    colour: str
    manager: tuple[str, str]
    about: str
    staff: tuple[tuple[str, int], ...]
    borough: tuple[str, ...] = ()
    county: tuple[str, ...] = ()
    pence: int = 2400
    coordinator: tuple[str, str] | None = None
    insured_days: int = 260  # from the present; below zero it has lapsed
    cqc: bool = True
    dbs_days: tuple[int, ...] = field(default=(60, 75, 90, 105))  # how long before the present the last checks were


CARE, SUPPORT, NURSE, OUTREACH = "highly_skilled_carer", "support_worker", "childrens_nurse", "outreach_worker"

HOUSES = (
    House(
        "larkfield", "Larkfield Care Ltd", "Larkfield", "#1d4f91", ("Joanne Whitlock", "manager@example.org"),
        "A family firm of fifteen years: after-school support, weekends and holidays, in London and in the Fens.",
        ((SUPPORT, 8), (CARE, 3), (OUTREACH, 1)), ("B", "C", "D"), ("GHC", "HLFS"), 2380,
        ("Kwame Asante", "coordinator@example.org"),
    ),
    House(
        "tiderow", "Tiderow Children's Nursing", "Tiderow", "#00703c", ("Bronagh Keane", "manager.tiderow@example.org"),
        "Children's nurses for complex health needs at home, by day and through the night.",
        ((NURSE, 5), (CARE, 2)), ("A", "B"), (), 3650, ("Sunil Varga", "coordinator.tiderow@example.org"),
    ),
    House(
        "harbour", "Harbour Lane Support", "Harbour Lane", "#4c2c92",
        ("Trevor Maddox", "manager.harbour@example.org"),
        "Support at home and out and about, for children who find groups hard.",
        ((SUPPORT, 5), (OUTREACH, 1)), ("C", "D"), (), 2290,
    ),
    House(
        "brightwater", "Brightwater Families", "Brightwater", "#b58840",
        ("Celeste Achebe", "manager.brightwater@example.org"),
        "Skilled carers and support workers who stay with a family for years.",
        ((SUPPORT, 3), (CARE, 3)), ("B", "C"), (), 2350, dbs_days=(95, 172, 187, 90, 110, 178),
    ),
    House(
        "oakthistle", "Oak and Thistle Mentoring", "Oak and Thistle", "#d53880",
        ("Fergus Innes", "manager.oak@example.org"),
        "Mentors and buddies for teenagers, at weekends above all.",
        ((OUTREACH, 3), (SUPPORT, 1)), ("D",), (), 2250, insured_days=-13,
    ),
    House(
        "acorn", "Little Acorn Homecare", "Little Acorn", "#85994b", ("Maud Ellery", "manager.acorn@example.org"),
        "Three people, one street, short ways.", ((SUPPORT, 3),), ("C",), (), 2190,
    ),
    House(
        "northway", "Northway Community Care", "Northway", "#28a197",
        ("Stelian Popa", "manager.northway@example.org"),
        "A larger organisation that has just begun to work for children.",
        ((SUPPORT, 4), (CARE, 2)), ("C", "D"), (), 2420,
    ),
    House(
        "sunfield", "Sunfield Complex Care", "Sunfield", "#f47738", ("Verity Combe", "manager.sunfield@example.org"),
        "Nurse-led packages for children who go home from hospital.",
        ((NURSE, 4),), ("A",), (), 3720, insured_days=-9,
    ),
    House(
        "fenmeadow", "Fen Meadow Support", "Fen Meadow", "#2b8cc4", ("Rhoda Setchell", "manager.fenmeadow@example.org"),
        "Home care and community support across the county's villages.",
        ((SUPPORT, 4), (CARE, 2)), (), ("GHC", "GCS", "HLFS"), 2310,
        ("Alec Burrows", "coordinator.fenmeadow@example.org"),
    ),
    House(
        "willowbank", "Willowbank Family Services", "Willowbank", "#6f72af",
        ("Ottilie Crane", "manager.willowbank@example.org"),
        "Family workers who help with routines, behaviour and everyday life.",
        ((OUTREACH, 3), (SUPPORT, 2)), (), ("HLFS", "CCS"), 2530,
    ),
    House(
        "riverside", "Riverside Carers", "Riverside", "#912b88", ("Dilys Probert", "manager.riverside@example.org"),
        "Complex home care in and around the city.",
        ((CARE, 3), (SUPPORT, 1)), (), ("CHC", "GHC"), 2490,
    ),
    House(
        "beacon", "Beacon Outreach", "Beacon", "#00823b", ("Silas Penhallow", "manager.beacon@example.org"),
        "Young people, bicycles, allotments: support that happens outside.",
        ((OUTREACH, 3), (SUPPORT, 1)), (), ("GCS", "HLFS"), 2270,
    ),
)  # fmt: skip

FIRST_NAMES = (
    "Abena", "Bartek", "Carys", "Devika", "Emrys", "Farida", "Gideon", "Hollis", "Ines", "Jarek", "Kirsten", "Lorenzo",
    "Maeve", "Niamh", "Olamide", "Padraig", "Quentin", "Rania", "Soraya", "Tobiah", "Una", "Viktor", "Winifred",
    "Xanthe", "Yara", "Zoltan", "Annika", "Bogdan", "Clodagh", "Dimitri", "Esther", "Fintan",
)  # fmt: skip
LAST_NAMES = (
    "Alderson", "Bakare", "Carmichael", "Dobson", "Eastwood", "Farquhar", "Gunning", "Holdsworth", "Ibbotson",
    "Jessop", "Kilbride", "Lidgate", "Musgrave", "Nettleton", "Ogilvie", "Pemberton", "Quayle", "Rowntree", "Sedgwick",
    "Tunstall", "Underhay", "Vickers", "Wadsworth", "Yeoman", "Zeller", "Ackroyd", "Birtles", "Coldwell", "Drury",
)  # fmt: skip
DEMO_WORKER = ("Abena Alderson", "worker@example.org")


def worker_name(number: int) -> str:
    """A name for the n-th worker of the demo; the first hundreds are all different."""
    return f"{FIRST_NAMES[number % len(FIRST_NAMES)]} {LAST_NAMES[number % len(LAST_NAMES)]}"


@dataclass(frozen=True, slots=True)
class ChildInCast:
    """A child and its family. `age` is in years at present; `family` are name, e-mail, relation."""

    key: str
    council: str
    name: str
    age: int
    street: str
    postcode: str
    area: str
    family: tuple[tuple[str, str, str], ...]
    door: str = "Ring twice: the bell is soft."
    sibling_of: str | None = None
    referrer: int = 0


def _child(
    key: str, council: str, name: str, age: int, street: str, postcode: str, area: str, parent: str, relation: str,
    **more: object,
) -> ChildInCast:  # fmt: skip
    email = f"{parent.lower().replace(' ', '.')}@example.org"
    return ChildInCast(key, council, name, age, street, postcode, area, ((parent, email, relation),), **more)  # type: ignore[arg-type]


CHILDREN = (
    ChildInCast(
        "idris", BOROUGH, "Idris Kalloway", 9, "14 Larkspur Gardens", "SE13 6LT", "Ladymead",
        (("Miriam Kalloway", "family@example.org", "Mother"), ("Owen Kalloway", "owen.kalloway@example.org", "Father")),
        door="Ring twice: the bell is soft. The blue inhaler is on the shelf in the hall.",
    ),
    _child("jonah", BOROUGH, "Jonah Prewitt", 12, "3 Tannery Row", "SE8 4QT", "Canalside", "Delia Prewitt", "Mother"),
    _child("zainab", BOROUGH, "Zainab Orchison", 15, "41 Pomeroy Street", "SE14 5BY", "Quarry Hill",
           "Hafsa Orchison", "Mother"),
    _child("tomasz", BOROUGH, "Tomasz Wielgorski", 4, "Flat 7, Sable House", "SE6 3RD", "Southgrove",
           "Irena Wielgorski", "Mother", door="Lift to the third floor. The night bag stands by the bed."),
    _child("keziah", BOROUGH, "Keziah Lanyon", 11, "88 Marlpit Lane", "SE12 0HE", "Ladymead", "Warren Lanyon",
           "Father"),
    _child("rufus", BOROUGH, "Rufus Hathersage", 8, "5 Coppice Walk", "SE23 2LJ", "Southgrove", "Gwyneth Hathersage",
           "Grandmother, special guardian", referrer=1),
    _child("priya", BOROUGH, "Priya Venkaton", 16, "27 Foundry Court", "SE4 1PW", "Canalside", "Lakshmi Venkaton",
           "Mother"),
    _child("callum", BOROUGH, "Callum Strachey", 7, "62 Dovecote Road", "SE3 9TN", "Quarry Hill", "Isobel Strachey",
           "Foster carer"),
    _child("anwen", BOROUGH, "Anwen Roskilly", 10, "9 Ropery Yard", "SE8 3DN", "Canalside", "Denzil Roskilly",
           "Father"),
    ChildInCast(
        "nia", BOROUGH, "Nia Kalloway", 6, "14 Larkspur Gardens", "SE13 6LT", "Ladymead",
        (("Miriam Kalloway", "family@example.org", "Mother"),), sibling_of="idris",
    ),
    _child("mateo", BOROUGH, "Mateo Ferreday", 13, "30 Chandlery Street", "SE16 2UA", "Canalside", "Ximena Ferreday",
           "Mother"),
    _child("saskia", BOROUGH, "Saskia Durnford", 3, "17 Hazelbank Rise", "SE6 1TX", "Southgrove", "Bettina Durnford",
           "Mother"),
    _child("elijah", BOROUGH, "Elijah Bramwood", 14, "54 Cistern Road", "SE14 6AF", "Quarry Hill", "Roderick Bramwood",
           "Father"),
    _child("hana", BOROUGH, "Hana Tokimura", 5, "2 Almshouse Close", "SE13 7QB", "Ladymead", "Reiko Tokimura",
           "Mother"),
    _child("oswin", COUNTY, "Oswin Garraway", 9, "The Lodekeeper's Cottage", "PE28 5XQ", "the southern villages",
           "Petra Garraway", "Mother"),
    _child("lottie", COUNTY, "Lottie Fenwright", 12, "6 Drove End", "CB6 2RT", "the eastern villages",
           "Alistair Fenwright", "Father"),
    _child("bilal", COUNTY, "Bilal Karimov", 8, "19 Sluice Lane", "CB7 4NU", "the eastern villages", "Gulnara Karimov",
           "Mother"),
    _child("ewan", CITY, "Ewan Culverhouse", 10, "72 Brickkiln Way", "PE1 3BW", "Northfield", "Morag Culverhouse",
           "Mother"),
    _child("meilin", CITY, "Meilin Lindqvist", 14, "11 Weighbridge Close", "PE2 8HN", "Wharfside", "Sixten Lindqvist",
           "Father"),
    _child("dorothea", CITY, "Dorothea Saltmarsh", 7, "35 Gasworks Street", "PE1 5LZ", "Northfield",
           "Hester Saltmarsh", "Mother"),
)  # fmt: skip
