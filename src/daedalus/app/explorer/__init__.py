"""The explorer: a page in the browser, served from this machine, on which the designs of a run are moved and compared.

Whatever imports Dash lies in this folder, and is imported when the page is made.
"""
