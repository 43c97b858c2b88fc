create policy somagent_sweeper on limits to somagent_sweeper using (true);

grant select on limits to somagent_sweeper;
