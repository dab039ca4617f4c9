-- What projections.read_api asks for the dashboard's pages. Lists are read by keyset, one row more than the page.

-- Patients ------------------------------------------------------------------------------------------------
