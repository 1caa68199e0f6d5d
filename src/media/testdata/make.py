#!/usr/bin/env python3
"""Makes the images beside it with Pillow: one picture of 7x5 pixels in every form that is read.

The pixel (x, y) is (30 x, 50 y, 200 - 20 x), so that a test can tell what must come out.
"""
import pathlib
import struct
import zlib

from PIL import Image, ImageOps

HERE = pathlib.Path(__file__).parent
picture = Image.new('RGB', (7, 5))
picture.putdata([(30 * x, 50 * y, 200 - 20 * x) for y in range(5) for x in range(7)])
alpha = Image.new('L', picture.size)
alpha.putdata([7 * i for i in range(35)])


def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def png(depth, colour, rows, extra=b''):
    head = struct.pack('>IIBBBBB', 7, 5, depth, colour, 0, 0, 0)
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + extra
            + chunk(b'IDAT', zlib.compress(b''.join(b'\0' + row for row in rows))) + chunk(b'IEND', b''))


def exif(orientation):
    return b'Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01' + struct.pack('>HHI', orientation, 0, 0)


picture.save(HERE / 'rgb.png')
picture.convert('L').save(HERE / 'grey.png')
both = picture.copy()
both.putalpha(alpha)
both.save(HERE / 'alpha.png')
picture.quantize(35, method=Image.Quantize.MAXCOVERAGE).save(HERE / 'palette.png')
deep = [b''.join(struct.pack('>HHH', *(257 * c for c in picture.getpixel((x, y)))) for x in range(7)) for y in range(5)]
(HERE / 'deep.png').write_bytes(png(16, 2, deep))
half = [b''.join(bytes(picture.getpixel((6 - x, 4 - y))) for x in range(7)) for y in range(5)]
(HERE / 'turned.png').write_bytes(png(8, 2, half, chunk(b'eXIf', exif(3)[6:])))
wide = struct.pack('>IIBBBBB', 100_000, 100_000, 8, 2, 0, 0, 0)
(HERE / 'huge.png').write_bytes(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', wide) + chunk(b'IDAT', zlib.compress(b'')))
picture.save(HERE / 'rgb.jpg', quality=95, subsampling=0)
picture.save(HERE / 'progressive.jpg', quality=95, subsampling=0, progressive=True)
picture.convert('L').save(HERE / 'grey.jpg', quality=95)
picture.convert('CMYK').save(HERE / 'cmyk.jpg', quality=95)
# Stored so that Pillow shows the picture.
STORED = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
          5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
          8: Image.Transpose.ROTATE_270}
for orientation, how in STORED.items():
    path = HERE / f'turned{orientation}.jpg'
    picture.transpose(how).save(path, quality=95, subsampling=0, exif=exif(orientation))
    assert ImageOps.exif_transpose(Image.open(path)).size == picture.size
