-- Which key a seal was made with, so that keys can be changed; null in seals from before this, where each is tried.

alter table seals add column kid text;
