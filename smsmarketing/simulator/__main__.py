"""The carrier simulator: VertexSMS on loopback, with every fault a real carrier can have.

    python -m smsmarketing.simulator --port 8091 --token secret \\
        --latency-ms 50 --receipts delivered=94,43=3,53=1,expired=1,none=1 --replies
        STOP=0.01,other=0.02 \\
        --inbound-url http://127.0.0.1:8000/webhooks/inbound/…

What it speaks (documentation of the provider, seed 002)
    POST /sms                 submit; header X-VertexSMS-Token or ?at=; answers an array with one id
    and
                              X-VertexSMS-Amount-Sent; validates fields with the provider's
                              sentences
    GET  /rates/?format=json  a price list (made-up prices; also format=csv)
    GET  /sms?scheduled       always an empty list
    receipts                  POST of JSON to dlrUrl until the answer is 200 with the body OK
    replies                   POST to --inbound-url: from, to, text, id, received_at (JSON or form)

Control (JSON; local host names only)
    GET  /                    a page for people, refreshed every 3 s; no numbers, no texts GET
    /_health             OK GET  /_stats              counts; ?messages=1 adds accepted_by_message
    {our id: times}, ?keys=1 adds
                              accepted_by_key {dlrUrl: times}. accepted = distinct + duplicates when
                              every submit had a dlrUrl. A message counts as accepted when that is
                              decided, also when the answer is then lost. pending = callbacks not
                              yet taken or dropped
    GET  /_messages?limit=N   the newest accepted messages, whole (this is a test tool), newest
    first GET  /_control            the settings, without the token POST /_control {...}      change
    settings at run time, all or nothing POST /_reset {...}        forget counts, messages and
    callbacks; {"settings": true} also restores settings

Flags (run-time settings have the same name with _ in `POST /_control`)
    --port 8091               0 = any free port; the first output line names it
    --host 127.0.0.1          a loopback address
    --smpp-port PORT          also speak SMPP 3.4 there (0 = any free port): same settings, same counts;
    the
                              password is the token. smsmarketing/simulator/smpp.py says what each
                              fault is there
    --token simulator-token
    --latency-ms 0            before each answer, plus up to --latency-jitter-ms
    --hang-ms 60000           how long a hanging connection is kept
    --faults none=98,http_503=2
                              weights: none http_400 http_401 http_403 http_429 http_500 http_501
                              http_503 hang reset html_200 empty_200 (not accepted) and
                              http_500_after_accept hang_after_accept (accept, then timeout)
                              reset_after_accept html_200_after_accept empty_200_after_accept
                              cut_after_accept
    --receipts delivered=1    weights: delivered, expired, none, an error code such as 43, or
    status:8
    --receipt-delay-ms 1000   plus up to --receipt-jitter-ms 0: jitter also mixes their order
    --receipt-slow-ms 30000   delay of the magic number for slow delivery
    --receipt-retry-ms 500    first pause before repeating, doubled each time up to 30 s, without
    end
    --receipt-duplicate-share 0     share that is sent twice
    --receipt-contradict-share 0    share that gets two different final receipts, in either order
    --receipt-early-share 0         share whose receipt comes before the submit's answer
    --replies STOP=0.01       shares of accepted messages: STOP START HELP other
    --reply-delay-ms 2000     plus up to --reply-jitter-ms 0
    --inbound-url URL         http on this machine; without it replies are counted as dropped
    --inbound-format json     or form
    --no-magic                numbers that end in 99901 to 99915 are like any other
    --seed N                  repeatable choices
    --keep 10000              messages remembered for /_messages
    --max-keys 2000000        receipt addresses counted apart; more are counted as keys_dropped
    --max-pending 2000000     receipts and replies that may wait; more are counted as dropped
    --connections 8           kept connections to each receipt address
    --report-s 10             seconds between lines of counts on stderr while something happens; 0 =
    none

Magic numbers [R-10.24]: recipients ending in
    99901 delivered             99902 error 53 (hard)        99903 error 43 (soft)
    99904 expired               99905 error 21 (filter)      99906 slow delivery
    99907 no receipt            99908 replies STOP           99909 replies START
    99910 replies HELP          99911 refused with 400 (to)  99912 refused with 503
    99913 hangs, not accepted   99914 accepted, then reset   99915 replies other text

Receipts and replies go to loopback addresses only; a dlrUrl elsewhere is refused with 400. Bodies,
numbers and the token are never logged. SIGTERM or Ctrl-C: it stops listening, finishes answers in
hand for up to 2 s and exits with 0.
"""

import sys

from smsmarketing.simulator.process import main

if __name__ == "__main__":
    sys.exit(main())
