# Run by tests/interop_bench.sh: scapy as an ECU that is flashed. Usage: interop_bench.py PORT MEMORY_FILE
# Everything that comes is read by scapy's ISO-TP and UDS layers, every answer is made by them. Asserts the order of a
# manufacturer's sequence; writes the image and says so when it was reset and asked who it is afterwards.
import os
import signal
import sys
import traceback

from scapy.config import conf

conf.contribs["CANSocket"] = {"use-python-can": True}
conf.contribs["ISOTP"] = {"use-can-isotp-kernel-module": False}
from scapy.contrib.automotive.uds import *  # noqa: E402
from scapy.contrib.cansocket_python_can import PythonCANSocket  # noqa: E402
from scapy.contrib.isotp import ISOTPSoftSocket  # noqa: E402


def fail(*what):
    traceback.print_exception(*what)
    os._exit(1)  # scapy's threads would wait for ever


sys.excepthook = fail
bus = PythonCANSocket(interface="socketcand", channel="can0", host="127.0.0.1", port=int(sys.argv[1]))
channel = ISOTPSoftSocket(bus, tx_id=0x7E8, rx_id=0x7E0, basecls=UDS)
identity = {0xF190: b"SCAPY0000000ECU01", 0xF18C: b"scapy", 0xF186: b"\1"}
memory = bytearray()
steps = []  # what was asked for, in this order
counter = 0
SEED = b"\x11\x22\x33\x44"


def no(request, code):
    return UDS_NR(requestServiceId=request.service, negativeResponseCode=code)


def answer(request):
    global counter
    if request.service == 0x10:
        steps.append("session %d" % request.diagnosticSessionType)
        return UDS_DSCPR(diagnosticSessionType=request.diagnosticSessionType,
                         sessionParameterRecord=bytes.fromhex("75300BB8"))  # 30 s: this ECU is slow
    if request.service == 0x22:
        did = request.identifiers[0]
        if did not in identity:
            return no(request, 0x31)
        steps.append("read %04X" % did)
        return UDS_RDBIPR(dataIdentifier=did) / identity[did]
    if request.service == 0x27:
        if request.securityAccessType == 1:
            return UDS_SAPR(securityAccessType=1, securitySeed=SEED)
        assert request.securityKey == b"\xA5" * 4, request
        steps.append("unlocked")
        return UDS_SAPR(securityAccessType=2)
    if request.service == 0x2E:
        steps.append("fingerprint")
        return UDS_WDBIPR(dataIdentifier=request.dataIdentifier)
    if request.service == 0x31:
        steps.append("routine %04X" % request.routineIdentifier)
        channel.send(UDS() / no(request, 0x78))  # and a little later
        return UDS_RCPR(routineControlType=1, routineIdentifier=request.routineIdentifier)
    if request.service == 0x34:
        assert (request.memoryAddressLen, request.memorySizeLen) == (4, 4), request
        assert request.memoryAddress4 == 0x8000 and request.dataFormatIdentifier == 0, request
        steps.append("download %d" % request.memorySize4)
        return UDS_RDPR(memorySizeLen=2, maxNumberOfBlockLength=bytes.fromhex("0202"))
    if request.service == 0x36:
        if memory and request.blockSequenceCounter == counter:  # our answer was late: once more, not twice
            return UDS_TDPR(blockSequenceCounter=counter)
        counter = (counter + 1) & 255
        assert request.blockSequenceCounter == counter, request
        assert len(request.transferRequestParameterRecord) <= 512
        memory.extend(request.transferRequestParameterRecord)
        return UDS_TDPR(blockSequenceCounter=counter)
    if request.service == 0x37:
        steps.append("exit")
        return UDS_RTEPR()
    if request.service == 0x11:
        steps.append("reset")
        return UDS_ERPR(resetType=request.resetType)
    if request.service == 0x3E:
        return UDS_TPPR()
    return no(request, 0x11)


print("ready", flush=True)
while steps[-3:] != ["read F190", "read F18C", "read F186"] or "reset" not in steps:
    request = channel.recv()
    if request is not None:
        channel.send(UDS() / answer(request))
who = ["read F190", "read F18C", "read F186"]
assert steps == who + ["session 2", "unlocked", "fingerprint", "routine FF00", "download 6000", "exit", "routine 0202",
                       "routine FF01", "reset"] + who, steps
with open(sys.argv[2], "wb") as f:
    f.write(memory)
print("scapy %s, an ECU, was flashed: %d bytes in %d blocks" % (conf.version, len(memory), counter), flush=True)
signal.pause()  # until it is stopped: the last answer is still in scapy's queue
