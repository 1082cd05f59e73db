"""The demo's world: made-up people and organisations whose last twelve weeks are played through, up to this moment.

Everything happens through the actions people use, at a clock the loader moves; no row is slipped past them.
"""
