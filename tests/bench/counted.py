#!/usr/bin/python3
"""counted.py CONTROL-SOCKET - how many messages that gatepost-rate has let
pass, and how often its store was asked, as its metrics have it."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_gatepost

SHOWN = (("messages let pass", 'gatepost_rate_messages_total{daemon="rate",outcome="admitted"}'),
         ("refused", 'gatepost_rate_messages_total{daemon="rate",outcome="refused"}'),
         ("charges made", 'gatepost_store_calls_total{daemon="rate",outcome="admitted"}'),
         ("without the store", 'gatepost_store_calls_total{daemon="rate",outcome="temporary"}'))


def main():
    head, text = lab_gatepost.request(sys.argv[1], "stats")
    if head != "ok":
        sys.exit("stats: %s %s" % (head, text))
    values = lab_gatepost.parse_metrics(text)
    print(", ".join("%s %.0f" % (what, values[name]) for what, name in SHOWN))


main()
