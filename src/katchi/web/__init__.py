"""The pages and the API of one node: what officers see and do in a browser, on top of `submit` and views.

No rule of the record or of a consultation lives here. From a click to a rule is three calls: a page
reads its form into a command, `submit` takes it to the node, `decide` answers.
"""
