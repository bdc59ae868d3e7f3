"""Controls: what a merchandiser decides about results and placements, beside what engines find.

A Control is a condition and an action. The rules are pure and know no catalogue (``catalogue.py`` says what they ask of
one); each service stores, serves and applies its own Controls through this kit (docs/merchandiser.md).
"""
