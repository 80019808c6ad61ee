"""The addresses of the console's pages. Only this and what it imports needs NiceGUI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Request  # noqa: TC002 - NiceGUI and FastAPI read annotations at run time
from nicegui import ui

from streams.outlets.console.casepage import case_page
from streams.outlets.console.dutiespage import duties_page
from streams.outlets.console.duty import duty
from streams.outlets.console.gridpage import grid_page
from streams.outlets.console.intake import intake
from streams.outlets.console.measurepage import measure_cases, measures_page
from streams.outlets.console.printing import add_papers
from streams.outlets.console.qualitypage import quality_page
from streams.outlets.console.wall import wall

if TYPE_CHECKING:
    from streams.outlets.console.context import Console

_held: list[Console] = []
"""The console that the pages show: NiceGUI has one set of pages in a process, so the last one made counts."""


def add_pages(app: FastAPI, console: Console) -> None:
    """Add every page; in a process that had a console before, its pages show this one from now on."""
    add_papers(app, console)
    first = not _held
    _held[:] = [console]
    if first:
        _pages()


def _pages() -> None:
    @ui.page("/", response_timeout=30)
    def at_wall(request: Request) -> None:
        wall(_held[0], request)

    @ui.page("/intake", response_timeout=30)
    async def at_intake(request: Request) -> None:
        await intake(_held[0], request)

    @ui.page("/duty", response_timeout=30)
    def at_duty(request: Request) -> None:
        duty(_held[0], request)

    @ui.page("/case/{case_no}", response_timeout=30)
    def at_case(request: Request, case_no: str) -> None:
        case_page(_held[0], request, case_no)

    @ui.page("/duties", response_timeout=30)
    def at_duties(request: Request) -> None:
        duties_page(_held[0], request)

    @ui.page("/grid", response_timeout=30)
    def at_grid(request: Request) -> None:
        grid_page(_held[0], request)

    @ui.page("/measures", response_timeout=30)
    async def at_measures(request: Request) -> None:
        await measures_page(_held[0], request)

    @ui.page("/measures/cases", response_timeout=30)
    async def at_measure_cases(request: Request) -> None:
        await measure_cases(_held[0], request)

    @ui.page("/quality", response_timeout=30)
    def at_quality(request: Request) -> None:
        quality_page(_held[0], request)
