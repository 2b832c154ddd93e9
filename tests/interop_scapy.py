# Run by tests/interop_scapy.sh: scapy as the tester. Usage: interop_scapy.py INTERFACE|PORT ROOT_FILE
# Everything that is sent is made by scapy's UDS layer and its ISO-TP in user space, everything that comes is read by them.
import json
import os
import sys
import traceback

from scapy.config import conf

NATIVE = not sys.argv[1].isdigit()
conf.contribs["CANSocket"] = {"use-python-can": not NATIVE}
conf.contribs["ISOTP"] = {"use-can-isotp-kernel-module": False}
from scapy.contrib.automotive.uds import *  # noqa: E402
from scapy.contrib.isotp import ISOTPSoftSocket  # noqa: E402
from scapy.packet import Raw  # noqa: E402

if NATIVE:
    from scapy.contrib.cansocket_native import NativeCANSocket

    bus = NativeCANSocket(channel=sys.argv[1])
else:
    from scapy.contrib.cansocket_python_can import PythonCANSocket

    bus = PythonCANSocket(interface="socketcand", channel="can0", host="127.0.0.1", port=int(sys.argv[1]))
ecu = ISOTPSoftSocket(bus, tx_id=0x7E0, rx_id=0x7E8, basecls=UDS)


def fail(*what):
    traceback.print_exception(*what)
    os._exit(1)  # scapy's threads would wait for ever


sys.excepthook = fail


def ask(request, answer):
    """Sends a request; what comes must be read by scapy as ANSWER, which it holds for one to this request."""
    got = ecu.sr1(UDS() / request, timeout=30, verbose=False)
    assert got is not None, "no answer to %r" % request
    assert got.service == (UDS() / answer()).service, "%r to %r" % (got, request)
    assert not got.haslayer(Raw) or answer in (UDS_RDBIPR, UDS_RCPR), "%r has more than scapy can read" % got
    return got[answer] if answer in got else got


def refused(request, code):
    no = ask(request, UDS_NR)
    assert no.negativeResponseCode == code, "%r to %r" % (no, request)


def read(did):
    got = ask(UDS_RDBI(identifiers=[did]), UDS_RDBIPR)
    assert got.dataIdentifier == did
    return bytes(got.payload)


def send_file(path, data, block):
    size = len(data).to_bytes(4, "big")
    got = ask(UDS_RFT(modeOfOperation=3, filePathAndName=path, fileSizeUnCompressed=size, fileSizeCompressed=size),
              UDS_RFTPR)
    assert got.modeOfOperation == 3 and got.compressionMethod == 0 and got.encryptingMethod == 0
    assert int.from_bytes(got.maxNumberOfBlockLength, "big") == 4095, got
    refused(UDS_TD(blockSequenceCounter=2, transferRequestParameterRecord=data[:4]), 0x73)
    for n, at in enumerate(range(0, len(data), block)):
        got = ask(UDS_TD(blockSequenceCounter=n + 1, transferRequestParameterRecord=data[at:at + block]), UDS_TDPR)
        assert got.blockSequenceCounter == n + 1, got
    ask(UDS_RTE(), UDS_RTEPR)


# Identifiers, in one frame and in several; what is not known.
assert read(0xF190) == b"ISOCTANE-DEMO-1"
assert read(0xF18C) == b"brake"
assert read(0xFD14) == bytes.fromhex("00 00 00 01 0FFF 00020000 00010000")
report = read(0xFD10)
assert len(report) > 500 and json.loads(report)["signed"]["ecu_serial"] == "brake", report
both = bytes(ask(UDS_RDBI(identifiers=[0xF18C, 0x1234, 0xF186]), UDS_RDBIPR))
assert both == b"\xF1\x8Cbrake\xF1\x86\x01", both
refused(UDS_RDBI(identifiers=[0x1234]), 0x31)

# Sessions, tester present.
refused(UDS_RFT(modeOfOperation=3, filePathAndName=b"time", fileSizeUnCompressed=b"\1", fileSizeCompressed=b"\1"), 0x7F)
refused(UDS_DSC(diagnosticSessionType=4), 0x12)
got = ask(UDS_DSC(diagnosticSessionType=3), UDS_DSCPR)
assert got.diagnosticSessionType == 3 and got.sessionParameterRecord == bytes.fromhex("03E8 01F4"), got
assert read(0xF186) == b"\3"
ask(UDS_TP(subFunction=0), UDS_TPPR)
assert ecu.sr1(UDS() / UDS_TP(subFunction=0x80), timeout=0.3, verbose=False) is None, "the answer was not wanted"

# Files: blocks of several sizes, the largest message that the ECU takes among them.
root = open(sys.argv[2], "rb").read()
send_file(b"director/root/1", root, 250)
send_file(b"director/targets", bytes(range(256)) * 32, 4093)
refused(UDS_RFT(modeOfOperation=3, filePathAndName=b"boot/loader", fileSizeUnCompressed=b"\1", fileSizeCompressed=b"\1"),
        0x31)

# Routines; no image without an order.
got = ask(UDS_RC(routineControlType=1, routineIdentifier=0x0310), UDS_RCPR)
assert got.routineIdentifier == 0x0310 and len(bytes(got)) == 4 and bytes(got)[3] != 0, "garbage was believed: %r" % got
refused(UDS_RC(routineControlType=1, routineIdentifier=0x1234), 0x31)
refused(UDS_RD(memoryAddressLen=4, memorySizeLen=4, memoryAddress4=0, memorySize4=10240), 0x70)
refused(UDS_TD(blockSequenceCounter=1, transferRequestParameterRecord=b"\0"), 0x24)
assert ask(UDS_DSC(diagnosticSessionType=1), UDS_DSCPR).diagnosticSessionType == 1
assert read(0xF186) == b"\1"
ask(UDS_ER(resetType=1), UDS_ERPR)
ecu.close()
bus.close()
print("scapy %s over %s: as expected" % (conf.version, sys.argv[1] if NATIVE else "socketcand"))
