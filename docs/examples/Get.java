// SPDX-License-Identifier: MIT
// Get.java - looks up one domain with Java 17 or later.
//
//   EMAILSD_URL=http://127.0.0.1:8080 java docs/examples/Get.java milvali.com
//
// Prints the addresses. Repeats the request until it has a result or a final error: that joins the
// lookup, at no cost.
//
// Java has no JSON parser of its own, so this example finds the few members that it needs with regular
// expressions. Your program should use a JSON library.
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Set;
import java.util.regex.Pattern;

public class Get {
    private static final int ATTEMPTS = 10;
    private static final Set<Integer> TEMPORARY = Set.of(429, 503, 504); // if they have Retry-After
    private static final Pattern EMAIL = Pattern.compile("\"email\":\"([^\"]+)\"");
    private static final Pattern PROBLEM =
        Pattern.compile("\"detail\":\"((?:[^\"\\\\]|\\\\.)*)\",\"code\":\"([a-z-]+)\"");
    private static final HttpClient CLIENT = HttpClient.newHttpClient();

    /** Ends with 1; `text` says why. */
    private static void fail(String text) {
        System.err.println("Get.java: " + text);
        System.exit(1);
    }

    private static HttpRequest request(String domain) {
        String url = System.getenv().getOrDefault("EMAILSD_URL", "http://127.0.0.1:8080").replaceFirst("/$", "");
        String key = System.getenv("EMAILSD_KEY");
        String query = "domain=" + URLEncoder.encode(domain, StandardCharsets.UTF_8) + "&wait=25";
        HttpRequest.Builder builder = HttpRequest.newBuilder(URI.create(url + "/emails?" + query))
            .timeout(Duration.ofSeconds(30)); // longer than the wait
        if (key != null)
            builder.header("Authorization", "Bearer " + key);
        return builder.build();
    }

    /** Sends the request once. Throws if the connection breaks, or if a proxy replies with a page of its own. */
    private static HttpResponse<String> send(HttpRequest request) throws IOException, InterruptedException {
        HttpResponse<String> response = CLIENT.send(request, HttpResponse.BodyHandlers.ofString());
        if (!response.headers().firstValue("Content-Type").orElse("").contains("json"))
            throw new IOException("status " + response.statusCode() + " of a proxy");
        return response;
    }

    /** Returns the first response that is not temporary, or the last one. */
    private static HttpResponse<String> lookUp(String domain) throws IOException, InterruptedException {
        for (int attempt = 1; ; attempt++) {
            long seconds = attempt;
            try {
                HttpResponse<String> response = send(request(domain));
                seconds = response.headers().firstValueAsLong("Retry-After").orElse(0);
                if (attempt == ATTEMPTS || seconds == 0 || !TEMPORARY.contains(response.statusCode()))
                    return response;
            } catch (IOException error) {
                if (attempt == ATTEMPTS)
                    throw error;
            }
            Thread.sleep(1000 * seconds);
        }
    }

    public static void main(String[] arguments) throws IOException, InterruptedException {
        HttpResponse<String> response = lookUp(arguments[0]);
        var problem = PROBLEM.matcher(response.body());
        if (response.statusCode() != 200)
            fail(problem.find() ? problem.group(2) + ": " + problem.group(1) : "status " + response.statusCode());
        EMAIL.matcher(response.body()).results().map(match -> match.group(1)).forEach(System.out::println);
    }
}
