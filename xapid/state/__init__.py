"""The state directory: what a daemon keeps there, whether it is sound, and copies of it.

========================  ==============================================================================================
``database``              the journal, with ``database-wal`` and ``database-shm`` while it is open or after a crash
``secrets.key``           what the secrets in the database are sealed with
``host.pem``              the key and the certificate that clients of the first host see, and of others without their own
``hosts/``                the same of other hosts that were given one, by uuid
``pool.pem``              the key and the certificate that other daemons of the pool see
``trusted/``              what the pool trusts: ``ca``, ``pinned``, ``crl``; and all authorities in ``bundle.pem``
``verification-off``      there while the certificates of other hosts are not looked at, in an emergency
``blobs/``                the contents of blobs, by uuid
``disks/``                the contents of simulated disks
``initial-password``      root's first password, until it is changed
``new-password``          the hash of a password that ``xapid password --reset`` left for the daemon
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
