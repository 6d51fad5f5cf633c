-- What a run trained with where its spec leaves the choice to it.
ALTER TABLE run_texts ADD COLUMN resolved TEXT;
