# expect: reject P0602
# linux 6.18: Sleepable programs can only use array, hash, ringbuf and local storage maps
# The memory of a trie may go while a program sleeps, even if the program only names it.
.license GPL
.map prefixes kind=lpm_trie key=8 value=8 entries=4 flags=1
.section uprobe.s
    r1 = prefixes ll
    r0 = 0
    exit
