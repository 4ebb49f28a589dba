# An application with every habit that makes leftovers; its processes are counted by the test.
here=$(dirname "$0")
trap "" TERM
setsid sleep 300 &
(setsid sh -c 'sleep 300 & kill -STOP $$' &)
"$PYTHON" -S "$here/daemonise.py" &
"$PYTHON" -S "$here/hop.py" &
while :; do sleep 0.05 & sleep 0.05; done
