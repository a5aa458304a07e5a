# For ground.py exec, whose scripts are bash: watchdog_service.py is put beside it.
exec /usr/bin/python3 -B /ground/watchdog_service.py
