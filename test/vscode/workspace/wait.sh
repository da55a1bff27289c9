#!/bin/sh
echo "waiting"
exec sleep 600
