"""Who calls, what they may see and do, and where what is known of people is kept.

`principals` says who there is, `sight` what each may see and do; both are pure. `accounts` keeps accounts, keys and
sessions, `persons` seals what reporters say of themselves, `trail` keeps who looked at it, `current` tells whose a
request is. Nothing here knows the gateway: it asks, this answers.
"""
