"""The state directory: what a daemon keeps there, whether it is sound, and copies of it.

========================  ==============================================================================================
``database``              the journal, with ``database-wal`` and ``database-shm`` while it is open or after a crash
``secrets.key``           what the secrets in the database are sealed with
``host.pem``              the key and the certificate that the host presents
``blobs/``                the contents of blobs, by uuid
``disks/``                the contents of simulated disks
``initial-password``      root's first password, until it is changed
``audit.log``             who called what
``crash``, ``crashdumps`` where threads were when the process died of a fault in native code
``restored/``             what a backup held that the next start is to use
``repositories/``         what repositories of updates offered when they were looked at last
``traces/``               calls that were traced into files
``lock``                  locked by the daemon that uses the directory; says its process
========================  ==============================================================================================
"""

from xapid.state.directory import StateDirectory, certificate

__all__ = ["StateDirectory", "certificate"]
