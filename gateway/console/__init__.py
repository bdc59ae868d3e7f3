"""The console: server-rendered pages for the people who work with Zhike, in Chinese and English.

``pages`` says what a page is, ``registry`` lists the areas in ``areas/``, ``answering`` answers. docs/console.md
says how a page is added.
"""
