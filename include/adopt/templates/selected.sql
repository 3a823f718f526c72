<% set told = namespace(is_done=false) %>
<% for column in plan.staged %>
<% if column.is_bounded and not told.is_done %>
<% set told.is_done = true %>
        -- What cannot be added up (NaN, numbers beyond all measure) is unknown.
<% endif %>
        << column.sql >>,
<% endfor %>
