"""The carrier simulator: a separate process that speaks the VertexSMS protocol on loopback.

Run it with `python -m smsmarketing.simulator`; `smsmarketing/simulator/__main__.py` describes every
flag, magic number and control address. It shares no code with the product on purpose, so that what
it counts (accepted once? how many parts?) is a second opinion.
"""
