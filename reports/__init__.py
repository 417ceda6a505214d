"""What a reader is shown of a run: one content, laid out as HTML and as PDF.

`html.write_html` and `pdf.write_pdf` take a run and its diagnosis. Nothing heavy is imported here.
"""
