-- Each 64 epochs that are there whole (block 0: 1..64), in one row: server/store/packed_epochs.c has the format. What is read of
-- it most fits into one page. The rows of epochs are those of the block that is not whole yet, and what an older mlpd stored.
CREATE TABLE packed_epochs (
    id     INTEGER PRIMARY KEY, -- run * 2^26 + block
    data   BLOB NOT NULL,
    layers BLOB                 -- as in epochs, of one epoch after the other
) STRICT;

-- The same of epoch_blocks, whose rows are those that are not 64 yet, and an older mlpd's: server/store/epoch_blocks.c.
CREATE TABLE packed_blocks (
    id   INTEGER PRIMARY KEY, -- run * 2^20 + span
    data BLOB NOT NULL
) STRICT;

CREATE TRIGGER packed_epochs_of_a_run AFTER DELETE ON runs BEGIN
    DELETE FROM packed_epochs WHERE id BETWEEN old.id << 26 AND (old.id << 26) + 67108863;
    DELETE FROM packed_blocks WHERE id BETWEEN old.id << 20 AND (old.id << 20) + 1048575;
END;
