"""Makes tests/ importable, so that every test can use the helpers that lie beside this file."""
