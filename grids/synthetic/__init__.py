"""An illustrative city pack out of a seed: invented boundaries under real codes and names.

Holds the generator and its small tables (`inputs/`). It writes files and decides nothing at run time; no other
package imports it.
"""
