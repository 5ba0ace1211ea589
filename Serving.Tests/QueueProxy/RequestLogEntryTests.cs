using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using FluentAssertions;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using NSubstitute;
using NUnit.Framework;
using Serving.ConfigMaps;
using Serving.Observability.Requests;
using Serving.Templates;

namespace Serving.Tests.QueueProxy;

/// <summary>The request log supports every field that config-observability accepts in a template.</summary>
[TestFixture]
public sealed class RequestLogEntryTests
{
    private const string Every = """
        {{.Request.Method}} {{.Request.URL}} [{{.Request.URL.Scheme}}{{.Request.URL.Host}}] {{.Request.URL.Path}} {{.Request.URL.RawQuery}}
        {{.Request.TLS}} {{.Request.Header.Get "x-a"}} {{index .Request.Header "X-A" 1}} {{index .Request.Header "Host"}}
        {{.Request.Proto}} {{.Request.ProtoMajor}}.{{.Request.ProtoMinor}} {{index .Request.Header "X-A"}} {{.Request.ContentLength}} {{.Request.Host}}
        {{.Request.RemoteAddr}} {{.Request.RequestURI}} {{.Request.UserAgent}} {{.Request.Referer}} {{.Response.Code}} {{.Response.Size}} {{.Response.Latency}}
        {{.Revision.Name}} {{.Revision.Namespace}} {{.Revision.Service}} {{.Revision.Configuration}} {{.Revision.PodName}} {{.Revision.PodIP}} {{.TraceID}}
        """;

    [Test]
    public void Every_member_that_may_be_named_has_its_value()
    {
        var context = new DefaultHttpContext();
        var request = context.Request;
        (request.Method, request.Protocol, request.Path, request.QueryString, request.ContentLength) = (
            "PUT",
            "HTTP/1.1",
            "/a b",
            new QueryString("?c=d"),
            7
        );
        (request.Host, request.Headers.UserAgent, request.Headers.Referer) = (
            new HostString("hello.example"),
            "tester/1",
            "http://before/"
        );
        request.Headers["X-A"] = new(["1", "2"]);
        request.Headers["X-B3-TraceId"] = "trace";
        context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget = "/a%20b?c=d";
        (context.Connection.RemoteIpAddress, context.Connection.RemotePort) = (IPAddress.Parse("::ffff:10.0.0.1"), 99);
        var revision = new TemplateRecord(
            "revision",
            ("Name", "r"),
            ("Namespace", "n"),
            ("Service", "s"),
            ("Configuration", "c"),
            ("PodName", "p"),
            ("PodIP", "ip")
        );

        var line = Template.Parse("log", Every).Execute(new RequestLogEntry(context, 201, 5, TimeSpan.FromMilliseconds(250), revision));

        line.Should()
            .Be(
                """
                PUT /a%20b?c=d [] /a b c=d
                <nil> 1 2 []
                HTTP/1.1 1.1 [1 2] 7 hello.example
                10.0.0.1:99 /a%20b?c=d tester/1 http://before/ 201 5 0.25
                r n s c p ip trace
                """
            );
        FluentActions
            .Invoking(() => ObservabilityConfigParser.Parse(new Dictionary<string, string> { ["logging.request-log-template"] = Every }))
            .Should()
            .NotThrow();
    }

    [Test]
    public void A_connection_with_TLS_is_told_from_one_without()
    {
        var context = new DefaultHttpContext();
        var session = Substitute.For<ITlsHandshakeFeature>();
        session.Protocol.Returns(SslProtocols.Tls13);
        session.NegotiatedCipherSuite.Returns(TlsCipherSuite.TLS_AES_128_GCM_SHA256);
        session.HostName.Returns("kn-user-ns");
        context.Features.Set(session);
        var entry = new RequestLogEntry(context, 200, 0, TimeSpan.Zero, new TemplateRecord("revision"));

        Template.Parse("log", "TLS: {{.Request.TLS}}").Execute(entry).Should().Be("TLS: {772 true 4865 kn-user-ns}");
        Template
            .Parse("log", "{{with .Request.TLS}}{{.Version}} {{.HandshakeComplete}} {{.CipherSuite}} {{.ServerName}}{{end}}")
            .Execute(entry)
            .Should()
            .Be("772 true 4865 kn-user-ns");
    }
}
