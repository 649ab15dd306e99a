"""Codecs of WebSocket connections: shared while they are used, and no longer."""

from __future__ import annotations

import gc
import weakref

from aiohttp_serverwamp.adapters.websocket import codec_for
from aiohttp_serverwamp.serializers.json import JSONSerializer


def test_one_serializer_has_one_codec_for_each_framing() -> None:
    serializer = JSONSerializer()
    framed = codec_for(serializer, framed=True)
    bare = codec_for(serializer, framed=False)

    assert codec_for(serializer, framed=True) is framed
    assert codec_for(serializer, framed=False) is bare
    assert framed is not bare
    assert codec_for(JSONSerializer(), framed=True) is not framed


def test_a_codec_does_not_keep_its_serializer_beyond_the_last_connection() -> None:
    serializer = JSONSerializer()
    codec = codec_for(serializer, framed=True)
    kept = weakref.ref(serializer)

    del serializer
    gc.collect()
    assert kept() is codec.serializer

    del codec
    gc.collect()
    assert kept() is None
