"""A program as simulator: the height of a hillside. A fifth of its evaluations go wrong, each in one of six ways."""

import json
import os
import signal
import sys
import time

with open(sys.argv[1], encoding="utf-8") as file:
    request = json.load(file)
x, y = request["parameters"]["x"], request["parameters"]["y"]
height = (x - 1) ** 2 + 2 * (y - 1) ** 2 + 2
lot = (int(abs(x) * 1e7) * 31 + int(abs(y) * 1e7) * 17 + request["seed"]) % 30  # 0 to 5 are the faults
text = json.dumps({"values": {"height": height}})
if lot == 0:
    print("line one\nthe magnet is missing", file=sys.stderr)
    sys.exit(3)
if lot == 1:
    time.sleep(60)
if lot == 2:
    text = text[:14]
if lot == 3:
    text = json.dumps({"values": {"height": float("nan")}})
if lot == 4:
    text = json.dumps({"values": {"height": [height, height]}})
if lot == 5:
    os.kill(os.getpid(), signal.SIGKILL)
with open(sys.argv[2], "w", encoding="utf-8") as file:
    file.write(text)
