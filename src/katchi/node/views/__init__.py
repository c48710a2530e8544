"""What people are shown: values folded from the record at the moment they are asked for.

Nothing here is stored or sent, and nothing is decided: a view may say "agreed", but what makes it so
are the signatures in the record. Digests are hex, times microseconds UTC by the clock that is named.
"""
