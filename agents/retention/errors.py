"""What goes wrong with kept files. A module of its own, because every command imports it."""


class StorageError(Exception):
    """The address is none, what it takes is not installed, or a file is not what it should be; the message says."""


class StorageAddressError(StorageError):
    """There is no such kind of address, or what it takes is not installed."""
