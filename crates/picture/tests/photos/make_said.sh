#!/bin/sh
# Writes what scan.jpg and camera.jpg say of themselves, by exiftool 12 or later, onto grey.jpg. Run beside this file.
set -e
# A print of 1974 scanned in 2021: EXIF knows the scanner's day, XMP and IPTC the picture's.
cp grey.jpg scan.jpg
exiftool -q -overwrite_original -codedcharacterset=utf8 \
  -EXIF:CreateDate="2021:11:20 10:11:12" -EXIF:Make=EPSON -EXIF:Model="Perfection V600" -EXIF:XPTitle="From Windows" \
  -XMP-photoshop:DateCreated=1974-06-02 -XMP-photoshop:City="Point Reyes" -XMP-dc:Description="Father on the beach" \
  -XMP-iptcExt:PersonInImage="Jean Doe" -XMP-photoshop:Headline="A headline" \
  -IPTC:Headline="Another headline" -IPTC:ObjectName="The beach" -IPTC:Sub-location="North Beach" \
  -IPTC:Country-PrimaryLocationName="USA" -IPTC:DateCreated=1974:06:02 -IPTC:Keywords=beach -IPTC:Keywords=Strände \
  scan.jpg
# A camera's picture south of the equator, west of Greenwich and below the sea, with a clock and its zone.
cp grey.jpg camera.jpg
exiftool -q -overwrite_original \
  -EXIF:DateTimeOriginal="2019:07:04 12:30:05" -EXIF:OffsetTimeOriginal="-03:30" -EXIF:Make="NIKON CORPORATION" \
  -EXIF:Model="NIKON D850" -EXIF:LensModel="50mm f/1.8" -EXIF:FocalLength=50 -EXIF:FocalLengthIn35mmFormat=75 \
  -EXIF:FNumber=2.8 -EXIF:ExposureTime=1/250 -EXIF:ISO=400 -EXIF:Artist="Ann; Bea" -EXIF:Rating=4 \
  -EXIF:GPSLatitude=33.5 -EXIF:GPSLatitudeRef=S -EXIF:GPSLongitude=70.25 -EXIF:GPSLongitudeRef=W \
  -EXIF:GPSAltitude=12.5 -EXIF:GPSAltitudeRef#=1 camera.jpg
