"""An export as one page that verifies itself in a browser: verify.js is a second implementation of the record's verifier."""
