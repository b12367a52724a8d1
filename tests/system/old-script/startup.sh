#!/bin/sh
# shellcheck disable=SC2086  # unquoted, as such scripts are: what is missing must end in an error of route53 itself
# Boot, in the manner of the scripts that rota replaces: ask the metadata service who this is, and take a turn in the rota.
# ZONEID and NAME come from the environment, as from /etc/default/…
METADATA=http://169.254.169.254/latest/meta-data
PUBIP=$(curl -s --fail $METADATA/public-ipv4)
INSTANCEID=$(curl -s --fail $METADATA/instance-id)
route53 add_record $ZONEID $NAME A $PUBIP 60 $INSTANCEID 10
