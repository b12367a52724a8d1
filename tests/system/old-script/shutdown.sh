#!/bin/sh
# shellcheck disable=SC2086  # unquoted, as such scripts are: what is missing must end in an error of route53 itself
# Shutdown, in the manner of the scripts that rota replaces: take the record out, then wait for the caches.
METADATA=http://169.254.169.254/latest/meta-data
PUBIP=$(curl -s --fail $METADATA/public-ipv4)
INSTANCEID=$(curl -s --fail $METADATA/instance-id)
route53 del_record $ZONEID $NAME A $PUBIP 60 $INSTANCEID 10
sleep ${DRAIN:-75}
