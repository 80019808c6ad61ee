"""A small pack of New York for tests: its rules are written here, its layers are real and stay outside the project.

    pack = write_nyc_pack(tmp_path / "nyc")          # community districts, precincts, battalions, school districts
    lines = list(report_lines(snapshot))             # one Report (JSON) for each row of a 311 snapshot

Every agency is a unit with one category of its own; a community board answers for what no agency leads.
"""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq

from tests.shared_data import shared

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ZONE = ZoneInfo("America/New_York")

BOROUGHS = {"1": "Manhattan", "2": "Bronx", "3": "Brooklyn", "4": "Queens", "5": "Staten Island"}
DESKS = {"1": "NYCMAN", "2": "NYCBRX", "3": "NYCBKN", "4": "NYCQNS", "5": "NYCSTA"}

LAYERS = {
    "CD": ("community_districts", "BoroCD"),
    "PP": ("police_precincts", "Precinct"),
    "FB": ("fire_battalions", "FireBN"),
    "SD": ("school_districts", "SchoolDist"),
}

AGENCIES = ("NYPD", "HPD", "DSNY", "DOT", "DEP", "DPR", "DOB", "DOHMH", "DHS", "TLC", "DCWP", "EDC", "OTI", "OOS")
"""Each leads the category of its own number; DOE's matters are left to the community board."""

_CHANNELS = {"ONLINE": "PUBLIC_APP", "MOBILE": "PUBLIC_APP", "PHONE": "HOTLINE"}


def write_nyc_pack(directory: Path) -> Path:
    """Write the pack with copies of the real layers; skips the test where they are absent."""
    (directory / "layers").mkdir(parents=True)
    layers = []
    for net, (name, field) in LAYERS.items():
        shutil.copy(shared(f"nyc/layers/{name}.geojson"), directory / "layers")
        layers.append(
            f'[[layer]]\nnet = "{net}"\nfile = "layers/{name}.geojson"\nid = "{field}"\njoin_parts = true\n'
        )
    for name, text in _tables().items():
        (directory / name).write_text(text, encoding="utf-8")
    (directory / "layers.toml").write_text("\n".join(layers), encoding="utf-8")
    return directory


def report_lines(snapshot: Path) -> Iterator[bytes]:
    """Turn each row of a 311 snapshot into a Report; nothing is left out."""
    table = pq.read_table(snapshot).to_pylist()
    for row in table:
        created = row["created_date"].replace(tzinfo=ZONE).astimezone(UTC).isoformat()
        report = {
            "system": "nyc311",
            "system_no": row["unique_key"],
            "channel": _CHANNELS.get(row["open_data_channel_type"], "DEPARTMENT"),
            "reported_at": created,
            "scheme": "nyc311",
            "category": row["agency"],
            "text": f"{row['complaint_type']}: {row['descriptor']}",
            "source_status": row["status"],
            "attributes": {"complaint_type": row["complaint_type"], "community_board": row["community_board"]},
        }
        if row["latitude"] is not None:
            report |= {"lon": float(row["longitude"]), "lat": float(row["latitude"])}
        stamps = [row[name] for name in ("resolution_action_updated_date", "closed_date") if row[name] is not None]
        if stamps:  # a request that was closed has changed at the latest then
            updated = datetime.fromisoformat(max(stamps)).replace(tzinfo=ZONE)
            report["source_updated_at"] = updated.astimezone(UTC).isoformat()
        yield json.dumps(report).encode()


_DUPLICATES = """\
# An agency's many kinds of matter are one category here, and nobody's texts say more than the kind: only what was
# reported at one address within the same minutes may be taken for one matter.
merge = 1.0
suggest = 1.0

[event]
metres = 0.01
hours = 0.01
"""


def _tables() -> dict[str, str]:
    boards = [f"{borough}{number:02d}" for borough in BOROUGHS for number in range(1, 100)]
    areas = ["code,name_zh,name_en,level,parent", "NYC,纽约,New York,CITY,"]
    areas += [f"{code},{name},{name},DISTRICT,NYC" for code, name in BOROUGHS.items()]
    areas += [f"{board},社区委员会 {board},Community Board {board},STREET,{board[0]}" for board in boards]
    units = ["unit,name_zh,name_en,aliases,level,kind,function,parent,area_code,active_from,active_to"]
    units += [f"{agency},{agency},{agency},,CITY,DEPARTMENT,{agency.lower()},,NYC,," for agency in AGENCIES]
    units += [f"CB{board},委员会 {board},Board {board},,STREET,OFFICE,office,,{board},," for board in boards]
    units += [f"{code}-C,指挥 {code},Centre {code},,DISTRICT,CENTRE,centre,,{b},," for b, code in DESKS.items()]
    units += [
        "NYCNYC-C,市指挥,City centre,,CITY,CENTRE,centre,,NYC,,",
        "DOI,监察,Inspection,,CITY,SUPERVISION,,,NYC,,",
    ]
    categories = ["scheme,category,name_zh,name_en,kind,parent,net", "city,E-01,市政,Service,EVENT,,CG"]
    numbered = list(enumerate((*AGENCIES, "DOE"), start=1))
    categories += [f"city,E-01-{n:02d},{agency},{agency} matter,EVENT,E-01,CG" for n, agency in numbered]
    categories += [f"nyc311,{agency},{agency},{agency},EVENT,,CG" for _, agency in numbered]
    mapping = ["scheme,category,to_category,when", *(f"nyc311,{agency},E-01-{n:02d}," for n, agency in numbered)]
    conditions = ["category,condition,text,limit,clock,closing_test,urgency,effective_from,effective_to"]
    conditions += [f"E-01-{n:02d},A,as reported,5,WORK_DAY,resolved,NORMAL,," for n, _ in numbered]
    duties = [
        (
            "row,list_no,category,scope_type,scope_code,when,role,unit,fallback,mode,delegated_from,basis,"
            "effective_from,effective_to,decided_by"
        ),
        "B,0,*,CITY,NYC,,BACKSTOP,@street-office,,STATUTORY,,,,,",
    ]
    duties += [f"L{n:02d},{n},E-01-{n:02d},CITY,NYC,,LEAD,{agency},,STATUTORY,,,,," for n, agency in numbered[:-1]]
    desks = [("NYCNYC", "New York", "CITY", "NYC")]
    desks += [(code, BOROUGHS[borough], "DISTRICT", borough) for borough, code in DESKS.items()]
    city = [
        'adcode = "NYC"\nname_zh = "纽约"\nname_en = "New York"\ntimezone = "America/New_York"\ncrs = "EPSG:32618"',
        'base = "CD"\nlanguages = ["en", "zh"]',
        *(
            f'[[desk]]\ncode = "{code}"\nname_zh = "{name}"\nname_en = "{name}"\nlevel = "{level}"\n'
            f'areas = ["{area}"]\ncentre = "{code}-C"'
            for code, name, level, area in desks
        ),
        '[[automation]]\nsteps = ["ACCEPT", "FILE", "DISPATCH"]\nmode = "auto"\noutcomes = ["LEAD"]',
    ]
    return {
        "city.toml": "\n".join(city) + "\n",
        "areas.csv": "\n".join(areas) + "\n",
        "units.csv": "\n".join(units) + "\n",
        "categories.csv": "\n".join(categories) + "\n",
        "category_map.csv": "\n".join(mapping) + "\n",
        "conditions.csv": "\n".join(conditions) + "\n",
        "duties.csv": "\n".join(duties) + "\n",
        "duplicates.toml": _DUPLICATES,
        "calendar.csv": "date,kind,name\n2026-07-03,HOLIDAY,Independence Day\n2026-09-07,HOLIDAY,Labor Day\n",
        "escalation.toml": '[[tier]]\nshare = 1.0\nnotify = "UNIT_HEAD"\n',
    }
