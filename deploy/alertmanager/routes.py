"""Writes Alertmanager's routes for a city: what concerns a desk goes to its centre, everything else to operations.

    python deploy/alertmanager/routes.py --city config/chengdu --out deploy/alertmanager/alertmanager.yml

Each receiver is a webhook at `--to`, under the desk's code: what rings a centre's telephone listens there. What it
asks for as proof is a secret and stands in no file of ours: it is read from a file of its own in `--secrets`, named
after the desk, as Kubernetes or a configuration tool lays them down.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from grids.rules import Rules, read_rules

HEAD = """\
# Routes of {name}, written by deploy/alertmanager/routes.py from the city pack. Don't edit it by hand.
# What carries a desk goes to its command centre; the city's centre hears of pages of every desk as well.
route:
  receiver: operations
  group_by: [alertname, desk]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 4h
  routes:
"""

ROUTE = """\
    - matchers: ['desk="{desk}"']
      receiver: centre-{desk}
      routes:
        - matchers: ['severity="page"']
          receiver: centre-{desk}
          repeat_interval: 30m
"""

CITY = """\
    - matchers: ['desk!=""', 'severity="page"']
      receiver: centre-{city}
      continue: true
"""

INHIBIT = """\
inhibit_rules:
  # Who does not answer can't say anything else that is true.
  - source_matchers: [alertname="OnegridDown"]
    target_matchers: ['alertname!="OnegridDown"']
    equal: [instance]
  # A page of a desk says it all; its tickets can wait.
  - source_matchers: [severity="page", 'desk!=""']
    target_matchers: [severity="ticket"]
    equal: [desk]

receivers:
"""

RECEIVER = """\
  # {name}
  - name: {receiver}
    webhook_configs:
      - url: {to}/{file}
        send_resolved: true
        http_config:
          authorization:
            credentials_file: {secrets}/{file}
"""


def routes(rules: Rules, to: str = "http://127.0.0.1:9094", secrets: str = "/etc/onegrid/webhooks") -> str:
    """Return the whole file."""
    desks = list(rules.places.desks.values())
    city = rules.places.city_desk
    parts = [HEAD.format(name=rules.form.name_en), CITY.format(city=city.code)]
    parts += [ROUTE.format(desk=desk.code) for desk in desks]
    parts.append(INHIBIT)
    told = [("who keeps onegrid running", "operations", "operations")]
    told += [(f"{one.name_zh} {one.name_en}, {one.centre}", f"centre-{one.code}", one.code) for one in desks]
    for name, receiver, file in told:
        parts.append(RECEIVER.format(name=name, receiver=receiver, to=to, secrets=secrets, file=file))
    return "".join(parts)


def main() -> None:
    """Write the file of a pack."""
    parser = argparse.ArgumentParser(description="Alertmanager's routes from a city pack.")
    parser.add_argument("--city", type=Path, required=True, help="the city pack")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    parser.add_argument("--to", default="http://127.0.0.1:9094", help="where the webhooks listen")
    parser.add_argument("--secrets", default="/etc/onegrid/webhooks", help="folder with one secret a file")
    asked = parser.parse_args()
    asked.out.write_text(routes(read_rules(asked.city), asked.to, asked.secrets), encoding="utf-8")
    print(asked.out)


if __name__ == "__main__":
    main()
