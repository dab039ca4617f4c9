"""The read API: logins, patients' visits, receipts and site boards, from what is committed in Postgres."""
