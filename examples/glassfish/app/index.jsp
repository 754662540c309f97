<%@ page contentType="text/plain" %><%
  Integer before = (Integer) session.getAttribute("visits");
  int visits = before == null ? 1 : before + 1;
  session.setAttribute("visits", visits);
%>instance <%= System.getProperty("jvmRoute") %>, visit <%= visits %>
