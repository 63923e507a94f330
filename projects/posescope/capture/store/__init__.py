"""The capture store: what layers gave for each person, in a folder that survives whatever happens to the run."""

from posescope.capture.store.person import Person
from posescope.capture.store.reader import Store, open_store
from posescope.capture.store.sample import Sample
from posescope.capture.store.writer import StoreWriter

__all__ = ['Person', 'Sample', 'Store', 'StoreWriter', 'open_store']
