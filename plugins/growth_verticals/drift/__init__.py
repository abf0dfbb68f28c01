"""Proposes a patch of the SQL file and declaration for a file whose columns have changed. Nothing is applied by itself.

In reading order:

    names.py    whether two names are spellings of the same words
    place.py    where a column stands in the file and in the table
    sample.py   a file's header, and a sample of its values
    fit.py      whether sampled values have a column's type
    propose.py  what has changed: renames, new columns, and questions for a person
    patch.py    edits of the SQL file and the declaration, as a unified diff
    proposed.py all of it for one file
"""
