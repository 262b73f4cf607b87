#!/usr/bin/env python3
"""One pjsua2 phone, steered over stdin, telling what happens on stdout.

In:  call URI | answer | hold | resume | hangup | dtmf DIGITS | blind URI | attend | quit
Out: READY | REGISTERED code | INCOMING uri | CONNECTED | MEDIA active|localhold|remotehold|none | XFER code final|more
     | ENDED code

Commands are for the line that was opened last; `attend` joins the line before it with that one (REFER with Replaces).
It says one WAV without end and records each call it hears to heard-N.wav. It decides nothing, and hangs up nothing by
itself: the scenario does.
"""

import argparse
import ctypes
import os
import select
import sys

import pjsua2 as pj

MEDIA = {
    pj.PJSUA_CALL_MEDIA_ACTIVE: "active",
    pj.PJSUA_CALL_MEDIA_LOCAL_HOLD: "localhold",
    pj.PJSUA_CALL_MEDIA_REMOTE_HOLD: "remotehold",
}


def know_digests():
    """A wheel brings an OpenSSL of its own, of before 1.1 in some builds: that knows no digest, not even MD5, until it is told to."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        paths = {line.split()[-1] for line in maps if "libcrypto" in line}
    for path in paths:
        library = ctypes.CDLL(path)
        if hasattr(library, "OpenSSL_add_all_digests"):
            library.OpenSSL_add_all_digests()


def tell(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Call(pj.Call):
    """One call: wired to the tone and to its own recorder while its media is active."""

    def __init__(self, phone, call_id=pj.PJSUA_INVALID_ID):
        super().__init__(phone.account, call_id)
        self.phone = phone
        phone.calls += 1
        self.recorder = pj.AudioMediaRecorder()
        self.recorder.createRecorder(os.path.join(phone.folder, f"heard-{phone.calls}.wav"))

    def onCallState(self, prm):
        info = self.getInfo()
        if info.state == pj.PJSIP_INV_STATE_CONFIRMED:
            tell("CONNECTED")
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            # The WAV's header is completed only when the recorder is dropped.
            self.recorder = None
            tell(f"ENDED {info.lastStatusCode}")

    def onCallTransferStatus(self, prm):
        tell(f"XFER {prm.statusCode} {'final' if prm.finalNotify else 'more'}")

    def onCallMediaState(self, prm):
        # Kept by name: the list of media dies with the info it came from.
        info = self.getInfo()
        for index, media in enumerate(info.media):
            if media.type != pj.PJMEDIA_TYPE_AUDIO:
                continue
            if media.status == pj.PJSUA_CALL_MEDIA_ACTIVE and self.recorder:
                audio = self.getAudioMedia(index)
                self.phone.player.startTransmit(audio)
                audio.startTransmit(self.recorder)
            tell("MEDIA " + MEDIA.get(media.status, "none"))


class Account(pj.Account):
    def __init__(self, phone):
        super().__init__()
        self.phone = phone

    def onRegState(self, prm):
        tell(f"REGISTERED {prm.code}")

    def onIncomingCall(self, prm):
        call = Call(self.phone, prm.callId)
        busy = self.phone.call is not None and self.phone.call.isActive()
        self.phone.lines.append(call)
        if busy:
            answer = pj.CallOpParam()
            answer.statusCode = 486
            call.answer(answer)
            return
        ringing = pj.CallOpParam()
        ringing.statusCode = 180
        call.answer(ringing)
        tell(f"INCOMING {call.getInfo().remoteUri}")


class Phone:
    def __init__(self, args):
        self.folder = args.folder
        self.calls = 0
        # A call must outlive its last callback: none is ever dropped.
        self.lines = []
        self.endpoint = pj.Endpoint()
        self.endpoint.libCreate()
        config = pj.EpConfig()
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.logConfig.level = 4
        config.logConfig.consoleLevel = 0
        config.logConfig.filename = os.path.join(args.folder, "log")
        config.medConfig.noVad = True
        config.medConfig.ecTailLen = 0
        self.endpoint.libInit(config)
        know_digests()
        transport = pj.TransportConfig()
        transport.port = args.sip_port
        transport.boundAddress = args.address
        kind = pj.PJSIP_TRANSPORT_TCP if args.tcp else pj.PJSIP_TRANSPORT_UDP
        if args.tls:
            kind = pj.PJSIP_TRANSPORT_TLS
            transport.tlsConfig.verifyServer = False
        self.endpoint.transportCreate(kind, transport)
        self.endpoint.libStart()
        self.endpoint.audDevManager().setNullDev()
        for codec in self.endpoint.codecEnum2():
            self.endpoint.codecSetPriority(codec.codecId, 255 if codec.codecId.startswith(args.codec + "/") else 0)
        self.player = pj.AudioMediaPlayer()
        self.player.createPlayer(args.say)
        self.account = Account(self)
        self.account.create(self.account_config(args))

    @staticmethod
    def account_config(args):
        config = pj.AccountConfig()
        suffix = ";transport=tls" if args.tls else ";transport=tcp" if args.tcp else ""
        config.mediaConfig.transportConfig.boundAddress = args.address
        config.mediaConfig.transportConfig.port = args.rtp_port
        # Behind a NAT it shows its private address everywhere: to see through it is the server's work.
        config.natConfig.contactRewriteUse = 0
        config.natConfig.viaRewriteUse = 0
        config.natConfig.sdpNatRewriteUse = 0
        config.natConfig.udpKaIntervalSec = 0
        if args.srtp:
            config.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_MANDATORY
            # keys in the SDP over any transport: the scenario says over which
            config.mediaConfig.srtpSecureSignaling = 0
        if args.password is None:
            config.idUri = f"sip:{args.name}@{args.address}"
            return config
        config.idUri = f"sip:{args.name}@{args.domain}"
        config.regConfig.registrarUri = f"sip:{args.domain}{suffix}"
        config.regConfig.timeoutSec = 600
        config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", args.name, 0, args.password))
        config.sipConfig.proxies.append(f"sip:{args.server};lr{suffix}")
        return config

    @property
    def call(self):
        return self.lines[-1] if self.lines else None

    def do(self, command, argument):
        prm = pj.CallOpParam(True)
        if command == "call":
            self.lines.append(Call(self))
            self.call.makeCall(argument, prm)
        elif command == "answer":
            prm.statusCode = 200
            self.call.answer(prm)
        elif command == "hold":
            self.call.setHold(pj.CallOpParam())
        elif command == "resume":
            prm.opt.flag = pj.PJSUA_CALL_UNHOLD
            self.call.reinvite(prm)
        elif command == "hangup":
            self.call.hangup(pj.CallOpParam())
        elif command == "dtmf":
            self.call.dialDtmf(argument)
        elif command == "blind":
            self.call.xfer(argument, pj.CallOpParam())
        elif command == "attend":
            self.lines[-2].xferReplaces(self.call, pj.CallOpParam())
        else:
            tell(f"UNKNOWN {command}")

    def run(self):
        buffered = b""
        tell("READY")
        while True:
            self.endpoint.libHandleEvents(10)
            if not select.select([0], [], [], 0)[0]:
                continue
            read = os.read(0, 4096)
            if not read:
                return
            buffered += read
            *lines, buffered = buffered.split(b"\n")
            for line in lines:
                command, _, argument = line.decode().strip().partition(" ")
                if command == "quit":
                    return
                try:
                    self.do(command, argument)
                except pj.Error as why:
                    tell(f"ERROR {command}: {why.info()}")

    def close(self):
        for call in self.lines:
            call.recorder = None
        self.lines.clear()
        self.player = None
        self.account.shutdown()
        self.endpoint.libDestroy()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("name", "domain", "server", "say", "folder"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--password", help="without one it does not register: somebody outside")
    parser.add_argument("--address", default="127.0.0.1", help="where the phone is")
    for name in ("sip-port", "rtp-port"):
        parser.add_argument(f"--{name}", required=True, type=int)
    parser.add_argument("--codec", default="PCMU", help="the only one it knows, by its name in SDP")
    parser.add_argument("--srtp", action="store_true", help="it insists on encrypted media, with keys in the SDP")
    parser.add_argument("--tcp", action="store_true")
    parser.add_argument("--tls", action="store_true", help="the server's certificate is not looked at")
    phone = Phone(parser.parse_args())
    phone.run()
    phone.close()


main()
