"""The OpenAPI 3.0.3 document of all routes, made of the code's own tables; and the page that shows it. Pure, but for `recorded`.

`document` puts it together from `operations` (routes and statuses), `request_schemas` (the decoder's types), `answer_schemas`
and `recorded` (answers that a running server gave). ADR 47 says why it is made this way.
"""
