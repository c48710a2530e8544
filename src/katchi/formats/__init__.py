"""Files that the world uses, read and written as text: each module is one format, and opens no file itself."""
