def checkpoint():
	pass
resume = lambda: None
from a import b as atomic_write
